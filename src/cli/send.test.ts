// Proves what send posts, how it reads answers, which exit codes it has, and that keys stay out of sight.

import t from 'tap'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { runCli, temporaryFolder } from '../../test/support/run-cli.ts'
import { makeApiKey } from './api-key.ts'

interface Teardown { teardown (done: () => void): unknown }
interface Seen { readonly url: string, readonly headers: IncomingHttpHeaders, readonly body: string }

/** A door that answers everything with the same words, and remembers what came. */
async function fakeDoor (t: Teardown, status: number, answer: string): Promise<{ url: string, seen: Seen[] }> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    request.on('end', () => {
      seen.push({ url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(status, { connection: 'close' }).end(answer)
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => { server.once('listening', resolve) })
  t.teardown(() => { server.close() })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const receipt = '{"outcome":"written","id":"1","source":"/a","ack":"kafka","topic":"a","partition":2,"offset":7}'

t.test('a CloudEvent carries what was said, and the key comes from the environment or a file', async (t) => {
  const cwd = temporaryFolder(t)
  const { key } = makeApiKey()
  writeFileSync(join(cwd, 'key'), `${key}\n`)
  const { url, seen } = await fakeDoor(t, 200, receipt)
  const one = await runCli(['send', 'a/b c', '{"x":1}', '--url', `${url}/`, '--type', 'com.x', '--key-file', 'key'], { cwd })
  t.strictSame(one, { code: 0, stdout: 'written a partition 2 offset 7  id 1, ack kafka\n', stderr: '' })
  t.match(seen[0], {
    url: '/v1/events/a/b%20c', body: '{"x":1}',
    headers: { 'content-type': 'application/json', 'x-api-key': key, 'ce-type': 'com.x', 'ce-specversion': '1.0', 'ce-id': /-/ }
  })
  await runCli(['send', 'a', 'text', '--url', url, '--key-header', 'authorization'], { cwd, env: { SLUICE_API_KEY: 'k' } })
  t.match(seen[1], { headers: { 'content-type': 'text/plain', authorization: 'k' } })
  t.equal(seen[1]?.headers['ce-id'], undefined)
})

t.test('a key on the command line works with a warning, a damaged one is named, and neither is repeated', async (t) => {
  const { url } = await fakeDoor(t, 200, receipt)
  const key = `${makeApiKey().key}x`
  const { code, stdout, stderr } = await runCli(['send', 'a', '1', '--url', url, '--key', key], { cwd: temporaryFolder(t) })
  t.equal(code, 0)
  t.match(stderr, 'a key on the command line is visible to other users')
  t.match(stderr, 'this key is damaged')
  t.notMatch(stdout + stderr, key)
})

t.test('the exit code tells refused from unknown, and foreign text cannot move the terminal', async (t) => {
  const cwd = temporaryFolder(t)
  const refused = await fakeDoor(t, 403, '{"outcome":"refused","code":"forbidden","detail":"no \\u001b[31m","retryable":false}')
  t.strictSame(await runCli(['send', 'a', '1', '--url', refused.url], { cwd }), {
    code: 1, stdout: 'refused forbidden: no \\u001b[31m\n  sending it again changes nothing\n', stderr: ''
  })
  const unknown = await fakeDoor(t, 504, '{"outcome":"unknown","code":"delivery-timeout","detail":"late","retryable":true}')
  t.match(await runCli(['send', 'a', '1', '--url', unknown.url], { cwd }), { code: 3, stdout: /may have been written/ })
  const stranger = await fakeDoor(t, 200, '<html>')
  t.match(await runCli(['send', 'a', '1', '--url', stranger.url], { cwd }), { code: 1, stderr: /not one of a gateway: status 200/ })
})

t.test('lines of stdin go as one stream, and only what was not written is shown', async (t) => {
  const results = `${receipt.replace('{', '{"index":0,')}\n{"index":1,"outcome":"refused","code":"malformed","detail":"bad"}\n`
  const { url, seen } = await fakeDoor(t, 200, results)
  const ran = await runCli(['send', 'a', '--url', url], { cwd: temporaryFolder(t), stdin: '1\nx\n' })
  t.match(ran, { code: 1, stdout: /^line 2: refused malformed: bad\n/, stderr: '1 written, 1 refused\n' })
  t.match(seen[0], { body: '1\nx\n', headers: { 'content-type': 'application/x-ndjson' } })
})

t.test('a gateway that is not there ends with 74', async (t) => {
  const cwd = temporaryFolder(t)
  const { code, stderr } = await runCli(['send', 'a', '1', '--url', 'http://127.0.0.1:1'], { cwd })
  t.equal(code, 74)
  t.match(stderr, 'cannot send to http://127.0.0.1:1: nothing listens there')
  t.match(await runCli(['send', 'a', '1', '--url', 'ftp://x'], { cwd }), { code: 2 })
  t.match(await runCli(['send', 'a', '1', '--key-file', 'none'], { cwd }), { code: 74, stderr: /cannot read the key in none/ })
})
