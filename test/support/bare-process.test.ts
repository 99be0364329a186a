// Checks that what tap preloads is kept out of the process of a test and of all it starts, and that nothing else is.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { BARE_PROCESS_OPTION } from './bare-process.ts'

/** Shows what was preloaded here, then in a thread and in a process that it starts. */
const MAIN = `
import { spawnSync } from 'node:child_process'
import { isMainThread, Worker } from 'node:worker_threads'
console.log([...globalThis.preloaded ?? []].join(' '))
const [node, file, isChild] = process.argv
if (isMainThread && isChild === undefined) {
  new Worker(new URL(import.meta.url)).once('exit', () => spawnSync(node, [file, 'child'], { stdio: 'inherit' }))
}`
const NAMES = ['@tapjs/typescript', '@tapjs/mock', 'another', '@tapjs/processinfo']

/** Starts a file with options like those that tap gives, of which the last stands in the environment too. */
function preloaded (folder: string, before: readonly string[]): string[] {
  const imports = NAMES.map((name) => {
    const path = join(folder, name, 'dist/esm/import.mjs')
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `(globalThis.preloaded ??= new Set()).add('${name}')`)
    return `--import=${pathToFileURL(path).href}`
  })
  writeFileSync(join(folder, 'main.mjs'), MAIN)
  const env = { ...process.env, NODE_OPTIONS: [...before, '--no-deprecation', `"${imports.at(-1)}"`].join(' ') }
  return execFileSync(process.execPath, [...imports, join(folder, 'main.mjs')], { env, encoding: 'utf8' })
    .split('\n').slice(0, -1)
}

t.test('without the option all of them run, and one of them in each child', async (t) => {
  const lines = preloaded(t.testdir(), [])
  t.strictSame(lines.map((line) => line.split(' ').sort()), [[...NAMES].sort(), [...NAMES].sort(), ['@tapjs/processinfo']])
})

t.test('with the option none of them runs, and what others preload does', async (t) => {
  t.strictSame(preloaded(t.testdir(), [BARE_PROCESS_OPTION]), ['another', 'another', ''])
})
