"""Every strategy, on one step machine.

**What a strategy is.** A value that answers four questions, each by a pure function of the status
(`base.Strategy`):

- *Which steps?* A tuple of `Step`: traffic, and how long it must have been observed. A canary has
  many, a shadow and a blue/green one, an A/B test and a bandit none: they only have a rule.
- *Which traffic now?* That of the step; a bandit's comes from what it has learned.
- *What is learned?* Nothing but the checks; an A/B test and a bandit also learn rewards.
- *How may it end?* Once all steps have held, the strategy's own rule answers at every tick:
  `Promote` (and whom), `Discard`, `Pause` or `Hold`. Another rule says what happens when the time
  is up without an answer.

**What the machine does for all of them** (`headrace.engine.machine`), in the order of what
matters. A strategy cannot change this order, and is asked last:

1. *Users first.* A check that failed, or servers that cannot serve, end the rollout, or drop that
   candidate where there are others. A person's request comes before everything.
2. *Then sight.* Without data, or with errors, nothing changes; after `noDataTimeout` the user's
   `onNoData` applies.
3. *Then time.* A pause stays a pause; after `maxDuration` the strategy gives up as the user
   wished; a step goes on once it has held, and not while harm is half proved.
4. *Then the strategy's own rule.*

**How it ends** (`headrace.engine.endings`). A promotion is over only when all users are seen to
have moved and, with `postPromotion`, the watch is over: until then stable runs on and the way back
is open, the phase is `Promoting`, and the registry's alias has not moved. The watch asks the same
checks as questions about the candidate alone, with limits from what stable did before. That is
weaker than the comparison, as what happens to all versions alike no longer cancels, so a limit is
what the check would have promoted (`ratio` and `margin` on stable's upper bound). It has a quarter
of the risk of a false rollback, and the time before it three quarters. A promotion or a rollback
that fails half-way goes towards the side that lives. With `keepPrevious` the old version runs on
after the end, and going back to it is a rollback that begins at its last step.

**The proofs.** No rule promotes without the proof of the candidate's required checks; only a
person does. Discarding needs none. What an A/B test or a bandit says beyond that ("better",
"no gain worth a change") rests on e-processes between the arms (`headrace.engine.goal`) at the
rollout's risk, never on the posterior probabilities that steer a bandit's traffic.

**Several candidates.** Each is compared with stable by its own checks, at the risk divided by the
number of candidates. `status.candidate` is the first, `status.challengers` has the others, as
`spec.model` and `spec.challengers` do.

One module per strategy; none of them knows another.
"""
