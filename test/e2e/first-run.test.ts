// What a newcomer does: start it, paste the line it prints, read the event back, pull the plug, start it again.

import t from 'tap'
import type { Test } from 'tap'
import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { RunningCli, runCli, temporaryFolder } from '../support/run-cli.ts'

interface Shown { readonly journal: string, readonly topic: string, readonly value: string }

const readyMsMax = 20_000

/** A gateway that listens, by the built-in config, on a port of the system's choice. */
async function startIn (t: Test, cwd: string): Promise<RunningCli> {
  const gateway = new RunningCli(['start', '--dev', '--port', '0'], { cwd })
  t.teardown(() => { gateway.child.kill('SIGKILL') })
  await gateway.until(() => gateway.stdout.includes('Read them back'))
  return gateway
}

/** The line to paste. */
function lineOf (gateway: RunningCli): string {
  const line = gateway.stdout.split('\n').find(one => one.trimStart().startsWith('curl '))
  if (line === undefined) throw new Error(`no curl line in: ${gateway.stdout}`)
  return line.trim()
}

const hasCurl = spawnSync('curl', ['--version']).status === 0

/** Runs the line as a shell does; where there is no curl, sends what it says by fetch. */
async function paste (line: string): Promise<{ status: number, receipt: Record<string, unknown> }> {
  if (hasCurl) {
    const { stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8', timeout: readyMsMax })
    const [, status] = /^HTTP\/1\.1 (\d+)/.exec(stdout) ?? []
    if (status === undefined) throw new Error(`curl said: ${stdout}\n${stderr}`)
    return { status: Number(status), receipt: JSON.parse(stdout.slice(stdout.indexOf('\r\n\r\n'))) as Record<string, unknown> }
  }
  const [, url = '', body = ''] = /^curl -i (\S+) .*-d '(.*)'$/.exec(line) ?? []
  const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  return { status: response.status, receipt: await response.json() as Record<string, unknown> }
}

async function tail (cwd: string): Promise<Shown[]> {
  const { stdout, stderr, code } = await runCli(['tail', '--json', '--no-follow', '--from-beginning'], { cwd })
  if (code !== 0) throw new Error(`tail ended with ${code}: ${stderr}`)
  return stdout.split('\n').filter(line => line !== '').map(line => JSON.parse(line) as Shown)
}

function isAfter (position: string, other: string): boolean {
  const [segment = 0, at = 0] = position.split(':').map(Number)
  const [otherSegment = 0, otherAt = 0] = other.split(':').map(Number)
  return segment > otherSegment || (segment === otherSegment && at > otherAt)
}

t.test('start, paste, tail, kill -9, start again', { timeout: 150_000 }, async t => {
  const cwd = temporaryFolder(t)
  const first = await startIn(t, cwd)
  const line = lineOf(first)
  const { status, receipt } = await paste(line)
  t.equal(status, 200)
  t.match(receipt, { outcome: 'written', ack: 'disk', id: String, journal: /^\d+:\d+$/ })
  const written = [receipt]
  for (let count = 0; count < 4; count++) written.push((await paste(line)).receipt)
  const before = await tail(cwd)
  t.same(before.map(event => event.journal), written.map(one => one.journal), 'tail shows each where its receipt says')
  t.ok(before.every(event => event.value === '{"hello":"world"}'))

  first.child.kill('SIGKILL')
  await first.ended
  t.same(await tail(cwd), before, 'all there with nobody running')

  const second = await startIn(t, cwd)
  t.same(await tail(cwd), before, 'all there after the restart')
  const { receipt: later } = await paste(lineOf(second))
  const after = await tail(cwd)
  t.same(after.slice(0, -1), before)
  t.equal(after.at(-1)?.journal, later.journal)
  t.ok(isAfter(String(later.journal), before.at(-1)?.journal ?? ''), `${String(later.journal)} comes after all before it`)

  second.child.kill('SIGTERM')
  const { code, stderr } = await second.ended
  t.equal(code, 0, stderr)
  t.notMatch(stderr, /Error|unhandled/i)
})

t.test('a second signal ends it at once', { timeout: 120_000 }, async t => {
  const gateway = await startIn(t, temporaryFolder(t))
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(gateway.stdout)?.[0] ?? ''
  // Something for the drain to wait for: a request whose body the gateway asked for and never gets.
  const held = connect(Number(new URL(url).port), '127.0.0.1')
  held.on('error', () => { /* broken off, as the second signal promises */ })
  held.write('POST /v1/events/held HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n')
  const asked = await new Promise(resolve => { held.once('data', (chunk: Buffer) => resolve(String(chunk))) })
  t.match(asked, 'HTTP/1.1 100 Continue')
  gateway.child.kill('SIGTERM')
  await gateway.until(() => gateway.stderr.includes('draining'))
  const startMs = performance.now()
  gateway.child.kill('SIGTERM')
  t.equal((await gateway.ended).code, 143)
  t.ok(performance.now() - startMs < 5_000, 'it did not wait for the drain')
})

t.test('a second gateway on the same port is told so', { timeout: 120_000 }, async t => {
  const first = await startIn(t, temporaryFolder(t))
  const port = /127\.0\.0\.1:(\d+)/.exec(first.stdout)?.[1] ?? ''
  const { code, stderr, stdout } = await runCli(['start', '--dev', '--port', port], { cwd: temporaryFolder(t) })
  t.not(code, 0)
  t.match(stderr, `port ${port} is taken by another program`)
  t.match(stderr, /--port \d+/, 'and what to do about it')
  t.notMatch(stderr + stdout, / at .*\.ts:/, 'no stack')
  t.equal((await paste(lineOf(first))).status, 200, 'the first one goes on')
})

t.test('a second gateway on the same journal is told so', { timeout: 120_000 }, async t => {
  const cwd = temporaryFolder(t)
  const first = await startIn(t, cwd)
  const { code, stderr, stdout } = await runCli(['start', '--dev', '--port', '0'], { cwd })
  t.equal(code, 74)
  t.match(stderr, /the journal in .*data\/journal is in use by another gateway \(process \d+\)/)
  t.match(stderr, `process ${first.child.pid}`)
  t.match(stderr, /stop that gateway, or give this one another journal\.dir/)
  t.notMatch(stderr + stdout, / at .*\.ts:/, 'no stack')
  const { status, receipt } = await paste(lineOf(first))
  t.equal(status, 200, 'the first one goes on')
  t.same((await tail(cwd)).map(event => event.journal), [receipt.journal])
})
