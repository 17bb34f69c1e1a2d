from processes import run_egoclean


def test_the_demo_runs_to_a_manifest(demo_project):
    done = run_egoclean("status", "--project", demo_project.root, check=0)
    assert "6 clips; steps: 30 done" in done.stdout
