"""A processor's recorder that counts what it is asked for, and may be told to refuse."""

from tsconv.training.replay import TapeRecorder


class CountingRecorder(TapeRecorder):
    """Records whole passes too, as a GPU's does."""

    records_passes = True

    def __init__(self, may_record=True):
        super().__init__()
        self.may_record = may_record
        self.rehearsed = self.recorded = self.replayed = 0

    def rehearse(self, work):
        self.rehearsed += 1
        return super().rehearse(work) and self.may_record

    def record(self, work):
        self.recorded += 1
        recording = super().record(work)

        def replay():
            self.replayed += 1
            recording()

        return replay
