"""A sweep on a Slurm cluster: python sweep.py CONFIG.toml OUT.h5 [JOBS]

Run it on a login node (in tmux) or as a small job of its own: this process starts the scheduler, asks Slurm for up to
JOBS jobs as described in jobqueue.yaml, and writes the result file. It needs pip install '.[cluster]' in a clone of
binland.
"""

import sys

from dask_jobqueue import SLURMCluster

import binland as bl

if __name__ == "__main__":
    config, out, *jobs = sys.argv[1:]
    with SLURMCluster() as cluster:
        cluster.adapt(minimum_jobs=1, maximum_jobs=int(jobs[0]) if jobs else 10)
        bl.run_sweep(config, out, scheduler=cluster.scheduler_address)
