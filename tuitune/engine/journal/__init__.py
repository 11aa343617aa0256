"""What the engine writes of a run, and disks that are full for a while."""
