"""What the controller costs, and how soon it acts, beside what was measured of its peers.

    python -m bench.controller [--rollouts 50 200 500 1000] [--holding] [--minutes 30]

Real are kube-apiserver, etcd, the controller-manager and the scheduler; KWOK has the part of the
kubelets. The controller is a process of its own, as its image starts it: with a pod's account and a
lease. Played, in this process: Istio with its users, and a Prometheus that has scraped it every
15 s. Every rollout has two checks (errors, latency) at 15 s and climbs from 2 % to 80 % by 2: a
step a tick, four a minute. In that order:

- a minute of steps: CPU-ms, requests to the API server (watches aside, leases included) and writes
  of statuses, each for one rollout and minute; queries to Prometheus in a minute; resident memory;
- a standby is started and the leader killed (SIGKILL): seconds until the standby reads numbers;
- the standby is killed and started again under its name: the same, alone;
- all candidates turn bad at once: seconds from the read that shows it to weight 0, the median and
  the last rollout; how many weights were raised after that read.

Whether the tick is kept, the time between two readings of the fleet's numbers tells; whether
rollouts go on at each, the time between two steps of one rollout: both as 99th percentiles. What
every process took of the machine is printed beside the requests.
Before a rollout has users the hour before it is read, of some 25 rollouts at a time: 500 that were
asked for at once have all begun after a minute and a half. With `--holding` there is one step that
holds instead of the ladder, and no fault. With `--minutes` the memory is looked at every minute,
and what was promoted is released anew.

The peers' figures are of another run on a machine like this one; they are printed to compare, and
are no part of this measurement. All processes share the machine's cores.
"""
