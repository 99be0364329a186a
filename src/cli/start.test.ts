// Proves the first minutes with the program: start --dev, send, read back, stop; and what it says when it cannot start.

import t from 'tap'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RunningCli, runCli, temporaryFolder } from '../../test/support/run-cli.ts'

t.test('start without a config says how to get one', async (t) => {
  const { code, stderr } = await runCli(['start'], { cwd: temporaryFolder(t) })
  t.equal(code, 78)
  t.match(stderr, 'npm run sluice -- init\n')
  t.match(stderr, 'npm run sluice -- start --dev\n')
})

t.test('with --dev an event goes in, is read back, and the program drains', { timeout: 60_000 }, async (t) => {
  const cwd = temporaryFolder(t)
  const gateway = new RunningCli(['start', '--dev', '--port', '0'], { cwd })
  t.teardown(() => { gateway.child.kill('SIGKILL') })
  await gateway.until(() => gateway.stdout.includes('npm run sluice -- init\n'))
  const url = /http:\/\/127\.0\.0\.1:[0-9]+/.exec(gateway.stdout)?.[0] ?? ''
  t.match(gateway.stdout, `curl -i ${url}/v1/events/orders/eu -H 'content-type: application/json' -d '{"hello":"world"}'\n`)
  t.match(gateway.stdout, 'kept in the journal in ./data/journal. Read them back:\n  npm run sluice -- tail\n')

  const sent = await runCli(['send', 'orders/eu', '{"a":1}', '--url', url, '--json'], { cwd })
  t.equal(sent.code, 0, sent.stderr)
  t.match(JSON.parse(sent.stdout), { outcome: 'written', ack: 'disk', source: '/orders/eu' })
  const shown = await runCli(['send', 'orders/eu', 'plain', '--url', url, '--type', 'a.b', '--id', 'i1'], { cwd })
  t.match(shown, { code: 0, stdout: /^written journal \d+:\d+ {2}id i1, ack disk\n$/ })
  const lines = await runCli(['send', 'orders/us', '--url', url], { cwd, stdin: '{"b":1}\n{"b":2}\n' })
  t.match(lines, { code: 0, stdout: '', stderr: '2 written\n' })
  const refused = await runCli(['send', '_hidden', '{}', '--url', url], { cwd })
  t.match(refused, { code: 1, stdout: /^refused [a-z-]+: .+\n {2}sending it again changes nothing\n$/ })

  const read = await runCli(['tail', '--no-follow', '--json'], { cwd })
  t.equal(read.code, 0, read.stderr)
  const events = read.stdout.trim().split('\n').map((line) => JSON.parse(line) as { topic: string, value: string })
  t.strictSame(events.map(({ topic, value }) => `${topic} ${value}`),
    ['orders.eu {"a":1}', 'orders.eu plain', 'orders.us {"b":1}', 'orders.us {"b":2}'])
  const last = await runCli(['tail', '--no-follow', '-n', '1', '--topic', 'orders.eu'], { cwd })
  t.match(last.stdout, /^orders\.eu {2}journal \d+:\d+ {2}\S+\n(?: {2}\S+: .*\n)+ {2}plain\n$/)

  const following = new RunningCli(['tail', '-n', '0', '--json'], { cwd })
  t.teardown(() => { following.child.kill('SIGKILL') })
  // What comes before it has looked is not shown: go on sending until one was seen.
  let count = 0
  const timer = setInterval(() => {
    void fetch(`${url}/v1/events/late`, { method: 'POST', body: String(count++) })
  }, 100)
  await following.until(() => following.stdout.includes('"topic":"late"'))
  clearInterval(timer)
  following.child.kill('SIGINT')
  t.equal((await following.ended).code, 0)

  gateway.child.kill('SIGTERM')
  t.equal((await gateway.ended).code, 0)
  t.match(gateway.stderr, 'SIGTERM: draining')
})

t.test('a file of quotas that cannot be used ends with 74, and says what to do', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'sluice.yaml'), `listeners: [ { protocol: http, port: 0 } ]
sink: journal
limits: { quotaFile: . }
policies: [ quota: { window: day, eventsMax: 1 } ]
routes: [ { name: a, channel: a, topic: a } ]
`)
  t.match(await runCli(['start'], { cwd }), { code: 74, stderr: /the file of quotas \. cannot be used: .*\n.*limits\.quotaFile/ })
})

t.test('a port that is taken is named, with another one to try', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => { taken.once('listening', resolve) })
  t.teardown(() => { taken.close() })
  const { port } = taken.address() as AddressInfo
  const { code, stderr } = await runCli(['start', '--dev', '--port', String(port)], { cwd: temporaryFolder(t) })
  t.equal(code, 1)
  t.match(stderr, `port ${port} is taken by another program\nchoose another one: npm run sluice -- start --dev --port 8080\n`)
})

t.test('a second signal ends it at once while it waits for a request that does not end', { timeout: 60_000 }, async (t) => {
  const gateway = new RunningCli(['start', '--dev', '--port', '0'], { cwd: temporaryFolder(t) })
  t.teardown(() => { gateway.child.kill('SIGKILL') })
  await gateway.until(() => gateway.stdout.includes('init\n'))
  const port = Number(/127\.0\.0\.1:([0-9]+)/.exec(gateway.stdout)?.[1])
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => { /* it is cut when the program ends */ })
  t.teardown(() => { socket.destroy() })
  socket.write('POST /v1/events/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nContent-Type: text/plain\r\n' +
    'Expect: 100-continue\r\n\r\n')
  await new Promise((resolve) => { socket.once('data', resolve) })
  gateway.child.kill('SIGTERM')
  await gateway.until(() => gateway.stderr.includes('draining'))
  gateway.child.kill('SIGTERM')
  t.equal((await gateway.ended).code, 143)
})
