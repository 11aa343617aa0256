"""A RUN ON DISK AND ITS PROCESS: directory, journal, state, control, launcher, supervisor."""
