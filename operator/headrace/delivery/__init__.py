"""From a bundle to users: what is tried before a rollout, the rollout itself, and its end.

What the components `test_serving`, `review`, `roll_out`, `await_rollout` and `batch_predict` call.
No KFP here, and no judgement of live traffic: that is the controller's.
"""
