// A worker process of graphile-worker, configured as its page on performance has it. Told to stop, it says when its
// first job began and how many it did.
const { run } = require("graphile-worker");

const [url, steps] = [process.argv[2], Number(process.argv[3])];
let first = null;
let done = 0;

async function step({ number }, helpers) {
  first ??= Date.now() / 1000;
  if (number + 1 < steps) await helpers.addJob("step", { number: number + 1 });
  done += 1;
}

process.on("SIGTERM", () => {
  process.stdout.write(JSON.stringify({ first, done }) + "\n", () => process.exit(0));
});

run({
  taskList: { step },
  noHandleSignals: true,
  preset: {
    worker: {
      connectionString: url,
      concurrentJobs: 24,
      maxPoolSize: 25,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
});
