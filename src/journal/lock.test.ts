// The lock on a journal folder: one holder, freed by its death.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { acquireLock, isLocked, lockFile } from './lock.ts'

const lockModule = JSON.stringify(new URL('./lock.ts', import.meta.url).href)

t.test('a folder that is in use is refused, with the process that uses it, until it is released', async t => {
  const dir = t.testdir()
  const lock = acquireLock(dir)
  t.throws(() => acquireLock(dir), { code: 'journal-in-use', message: new RegExp(`process ${process.pid}`) })
  t.ok(isLocked(dir))
  lock.release()
  t.notOk(isLocked(dir))
  acquireLock(dir).release()
  t.same(readdirSync(dir).sort(), ['lock', 'owner'])
})

t.test('looking at a folder without a lock neither makes nor keeps one', async t => {
  const dir = t.testdir()
  t.notOk(isLocked(dir))
  t.same(readdirSync(dir), [])
})

t.test('a lock whose holder is killed with -9 is free at once', async t => {
  const dir = t.testdir()
  const script = `const { acquireLock } = await import(${lockModule}); acquireLock(${JSON.stringify(dir)});` +
    'console.log("held"); setInterval(() => {}, 1000)'
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  t.ok(isLocked(dir))
  t.throws(() => acquireLock(dir), { code: 'journal-in-use', message: new RegExp(`process ${child.pid}`) })
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.notOk(isLocked(dir))
  acquireLock(dir).release()
})

t.test('a lock whose thread is terminated is free at once', async t => {
  const dir = t.testdir()
  const script = `import(${lockModule}).then(({ acquireLock }) => { globalThis.held = acquireLock(${JSON.stringify(dir)});` +
    'require("node:worker_threads").parentPort.postMessage("held"); setInterval(() => {}, 1000) })'
  const worker = new Worker(script, { eval: true, execArgv: [] })
  await once(worker, 'message')
  t.throws(() => acquireLock(dir), { code: 'journal-in-use' })
  await worker.terminate()
  acquireLock(dir).release()
})

t.test('a folder that cannot be written to is told apart from one in use', async t => {
  t.throws(() => acquireLock('/proc'), { code: 'journal-lock-failed' })
})

t.test('a file of any name can be locked, by one at a time', async t => {
  const path = `${t.testdir()}/counts.lock`
  const lock = lockFile(path)
  t.ok(lock)
  t.equal(lockFile(path), undefined)
  lock?.release()
  lockFile(path)?.release()
  t.throws(() => lockFile(`${path}.none/counts.lock`))
})
