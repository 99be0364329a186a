#!/usr/bin/env node
// The process edge: refuses an old Node in words, sizes the thread pool, then hands the command line to src/cli.
// It has no imports and keeps to old syntax, so that any Node can read it far enough to say what is missing.

const needed = 24
const found = Number(process.versions.node.split('.')[0])

if (found < needed) {
  process.stderr.write(
    'sluice needs Node ' + needed + ' or newer and found ' + process.version +
    '; get it from https://nodejs.org/ or run it as: npx -p node@' + needed + ' -p sluice sluice\n'
  )
  process.exit(1)
} else {
  // File I/O, DNS and compression share this pool. It is sized when first used, so before anything else.
  process.env.UV_THREADPOOL_SIZE = process.env.UV_THREADPOOL_SIZE || '8'
  import('./cli/index.ts')
    .then(function (cli) { return cli.run(process.argv.slice(2)) })
    .then(
      function (exitCode) { process.exitCode = exitCode },
      function (error) {
        process.stderr.write('sluice failed: ' + String(error && error.stack ? error.stack : error) + '\n')
        process.exitCode = 1
      }
    )
}
