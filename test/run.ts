// What `npm test` calls: one Kafka for the run, then tap with the given paths (or all), then the totals in one line.
import { spawn, spawnSync } from 'node:child_process'
import { globSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { BARE_PROCESS_OPTION } from './support/bare-process.ts'
import { startKafka } from './support/kafka-rig.ts'
import type { KafkaRig } from './support/kafka-rig.ts'
import { SHARED_KAFKA_VARIABLE, SHARED_USERS, sharedAddresses } from './support/kafka-shared.ts'
import { findKafka } from './support/kafka-source.ts'
import { tapReport, verdict } from './support/tap-report.ts'

const GRACE_MS = 3_000
const ROOMS = '{src,protocols,plugins,test,loadtest,examples}/**/*.test.ts'

/** Folders become their test files; everything else goes to tap as it is. */
function expand(argument: string): string[] {
  const found = statSync(argument, { throwIfNoEntry: false })
  if (found?.isDirectory() !== true) return [argument]
  return globSync(`${argument.replace(/\/+$/, '')}/**/*.test.ts`, { exclude: ['**/node_modules/**'] }).sort()
}

/** A room that never speaks of Kafka need not wait for one. A file missed here starts its own when it asks. */
function wantsKafka(paths: readonly string[]): boolean {
  const files = paths.filter((path) => path.endsWith('.test.ts'))
  return (files.length > 0 ? files : globSync(ROOMS)).some((file) => {
    const isFile = statSync(file, { throwIfNoEntry: false })?.isFile() === true
    return isFile && /kafka/i.test(readFileSync(file, 'utf8'))
  })
}

async function sharedRig(): Promise<KafkaRig | undefined> {
  const source = await findKafka()
  if (source.kind === 'external') {
    console.log(`# Kafka: KAFKA_BROKERS=${source.brokers.join(',')} (tests of TLS, SASL and faults do not run)`)
    return undefined
  }
  if (source.kind === 'none') {
    console.log(`# !!! KAFKA TESTS WILL NOT RUN: ${source.reason}`)
    return undefined
  }
  const startMs = Date.now()
  const rig = await startKafka({ users: SHARED_USERS, brokerSessionMs: 18_000 })
  console.log(`# Kafka: ${source.kind}, ${rig.brokers.join(',')}, up in ${Date.now() - startMs} ms, `
    + `log ${rig.logPaths.join(' ')}`)
  return rig
}

interface Run {
  readonly ended: Promise<number>
  /** Ends tap and everything it started. */
  readonly stop: () => void
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended by itself.
  }
}

/** tap itself lets its test files finish when it is told to end, which can take minutes. */
function endTree(root: number): void {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const rows = (stdout ?? '').split('\n').map((row) => row.trim().split(/\s+/).map(Number))
  const tree = new Set([root])
  for (let size = 0; size < tree.size;) {
    size = tree.size
    for (const [pid, parent] of rows) {
      if (pid !== undefined && parent !== undefined && tree.has(parent)) tree.add(pid)
    }
  }
  for (const pid of tree) kill(pid, 'SIGTERM')
  setTimeout(() => {
    for (const pid of tree) kill(pid, 'SIGKILL')
  }, GRACE_MS).unref()
}

function startTap(args: readonly string[], env: NodeJS.ProcessEnv, show: (line: string) => void): Run {
  const manifestPath = createRequire(import.meta.url).resolve('tap/package.json')
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as { readonly bin: { readonly tap: string } }
  const program = join(dirname(manifestPath), manifest.bin.tap)
  const child = spawn(process.execPath, [program, '--reporter=tap', ...args],
    { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  lines.on('line', show)
  const read = new Promise((resolve) => lines.once('close', resolve))
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(1))
    child.once('exit', (code) => void read.then(() => resolve(code ?? 1)))
  })
  return { ended, stop: () => endTree(child.pid ?? 0) }
}

async function main(): Promise<boolean> {
  const args = process.argv.slice(2).flatMap(expand)
  const rig = wantsKafka(args) ? await sharedRig() : undefined
  try {
    const report = tapReport()
    // TAP in the environment means "your parent is tap"; here the parent is this program.
    const { TAP: _tap, ...env } = process.env
    // Every test file is a process of its own: what one has compiled the next one need not.
    env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../node_modules/.cache/compile')
    env.NODE_OPTIONS = `${env.NODE_OPTIONS ?? ''} ${BARE_PROCESS_OPTION}`.trim()
    if (rig !== undefined) env[SHARED_KAFKA_VARIABLE] = sharedAddresses(rig)
    const run = startTap(args, env, (line) => {
      for (const shown of report.line(line)) console.log(shown)
    })
    process.once('SIGINT', run.stop)
    process.once('SIGTERM', run.stop)
    const exitCode = await run.ended
    const totals = report.totals()
    if (totals === undefined) console.log('# tap ended without its totals')
    else if (totals.skipped > 0) console.log(`# ${totals.skipped} skipped`)
    const { text, ok } = verdict(totals, exitCode)
    console.log(text)
    return ok
  } finally {
    await rig?.stop()
  }
}

try {
  process.exitCode = await main() ? 0 : 1
} catch (error) {
  console.error(error)
  console.log(verdict(undefined, 1).text)
  process.exitCode = 1
}
