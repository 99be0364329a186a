// Proves the process edge: an old Node is refused in one line, and the thread pool has its size before it is used.

import t from 'tap'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))

function runWith (preload: string, words: readonly string[] = ['--version']): { status: number | null, stdout: string, stderr: string } {
  const url = `data:text/javascript,${encodeURIComponent(preload)}`
  return spawnSync(process.execPath, ['--import', url, main, ...words], { encoding: 'utf8', env: { PATH: process.env.PATH } })
}

const pretend = `Object.defineProperty(process, 'version', { value: 'v20.20.2' })
Object.defineProperty(process.versions, 'node', { value: '20.20.2' })`

t.test('an old Node is told in one line what is needed, what was found and how to get it', async (t) => {
  const { status, stdout, stderr } = runWith(pretend)
  t.equal(status, 1)
  t.equal(stdout, '')
  t.equal(stderr, 'sluice needs Node 24 or newer and found v20.20.2; get it from https://nodejs.org/ ' +
    'or run it as: npx -p node@24 -p sluice sluice\n')
})

t.test('the thread pool has its size before anything else, and an operator may choose it', async (t) => {
  const show = 'process.on("exit", () => console.log("pool", process.env.UV_THREADPOOL_SIZE))'
  t.match(runWith(show).stdout, 'pool 8')
  t.match(runWith(`process.env.UV_THREADPOOL_SIZE = "3"; ${show}`).stdout, 'pool 3')
})
