// Tests of the log: what a line looks like, what it never shows, and that it works in a worker thread.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { Secret } from '../contract/secret.ts'
import { createLog } from './log.ts'
import type { LogOptions } from './log.ts'

function logInto (options: Partial<LogOptions> = {}) {
  const lines: string[] = []
  const log = createLog({
    level: 'info', pretty: 'never', thread: 'worker 1', write: line => { lines.push(line) }, ...options
  })
  return { log, lines, first: () => JSON.parse(lines[0] ?? '{}') as Record<string, unknown> }
}

t.test('a line is one JSON object with time, level, thread, message and fields', async t => {
  const { log, lines, first } = logInto()
  log.warn({ route: 'orders', count: 2 }, 'slow')
  t.match(lines, [/^\{.*\}\n$/])
  t.match(first(), { level: 'warn', thread: 'worker 1', message: 'slow', route: 'orders', count: 2 })
  t.match(first()['time'], /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

t.test('only lines of the configured level and above are written', async t => {
  for (const [level, written] of [['debug', 4], ['info', 3], ['warn', 2], ['error', 1], ['silent', 0]] as const) {
    const { log, lines } = logInto({ level })
    log.debug({}, 'd')
    log.info({}, 'i')
    log.warn({}, 'w')
    log.error({}, 'e')
    t.equal(lines.length, written, level)
  }
})

t.test('fields that are called like secrets are hidden, at the top and below', async t => {
  const { log, lines } = logInto()
  for (const name of ['password', 'token', 'apiKey', 'authorization', 'cookie', 'x-api-key', 'credentials']) {
    log.info({ [name]: 'canary' }, 'm')
    log.info({ kafka: { [name]: 'canary' } }, 'm')
    log.info({ kafka: { sub: { [name]: 'canary' } } }, 'm')
  }
  log.info({ kafka: { any: new Secret('canary') } }, 'm')
  t.notMatch(lines.join(''), 'canary')
  t.equal(lines.filter(line => line.includes('***')).length, lines.length)
})

t.test('an error is its name, message, code, place and causes, without its stack', async t => {
  const { log, lines, first } = logInto()
  const cause = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' })
  log.error({ error: new TypeError('connecting to the broker', { cause }) }, 'm')
  t.match(first(), {
    error: { name: 'TypeError', message: 'connecting to the broker', at: /^at .*log\.test/, cause: { code: 'ECONNREFUSED' } }
  })
  t.ok((lines[0] ?? '').length < 1_000)
  const debug = logInto({ level: 'debug' })
  debug.log.error({ failure: new Error('x') }, 'm')
  t.match(debug.first(), { failure: { message: 'x', stack: [/^at /] } })
})

t.test('an error that causes itself ends', async t => {
  const { log, lines } = logInto()
  const error = new Error('x')
  error.cause = error
  log.error({ error }, 'm')
  t.equal(lines.length, 1)
})

t.test('lines for people hold the same, and nothing that steers a terminal', async t => {
  const { log, lines } = logInto({ pretty: 'always' })
  log.info({ channel: 'a\u001b[2J\nb\u009b\u202e', count: 2, password: 'canary' }, 'hello')
  t.match(lines[0], /^[\d:.]{12} info worker 1: hello  /)
  t.ok(lines[0]?.endsWith('  channel=a\\u001b[2J\\u000ab\\u009b\\u202e  count=2  password=***\n'))
  log.info({ long: 'x'.repeat(1_000_000) }, 'm')
  t.ok((lines[1] ?? '').length < 10_000)
})

t.test('a worker thread writes to stderr before it dies', async t => {
  const url = new URL('log.ts', import.meta.url).href
  const worker = `
    const { createLog } = await import(${JSON.stringify(url)})
    createLog({ level: 'info', pretty: 'auto', thread: 'worker 1' }).error({ a: 1 }, 'last words')
    process.exit(1)`
  const parent = `
    import { Worker } from 'node:worker_threads'
    new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)})))`
  const args = ['--input-type=module', '--eval', parent]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  const line = stderr.split('\n').find(text => text.includes('last words')) ?? '{}'
  t.match(JSON.parse(line), { level: 'error', thread: 'worker 1', a: 1, message: 'last words' })
  t.equal(stdout, '')
})
