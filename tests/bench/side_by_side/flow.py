from metaflow import FlowSpec, retry, step


class EtlFlow(FlowSpec):
    @step
    def start(self):
        self.day = "2026-01-01"
        self.next(self.extract_orders, self.extract_items, self.extract_users)

    @retry(times=2)
    @step
    def extract_orders(self):
        self.rows = list(range(10))
        self.next(self.gather)

    @step
    def extract_items(self):
        self.rows = list(range(20))
        self.next(self.gather)

    @step
    def extract_users(self):
        self.rows = list(range(30))
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.counts = [len(each.rows) for each in inputs]
        self.next(self.plan)

    @step
    def plan(self):
        self.next(self.clean, foreach="counts")

    @step
    def clean(self):
        self.cleaned = self.input * 2
        self.next(self.total)

    @step
    def total(self, inputs):
        self.sum = sum(each.cleaned for each in inputs)
        self.next(self.check)

    @step
    def check(self):
        self.next(self.end)

    @step
    def end(self):
        print(self.sum)


if __name__ == "__main__":
    EtlFlow()
