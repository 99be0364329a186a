// An authorization server that answers well, badly, too much or not at all.

import t from 'tap'
import type { Test } from 'tap'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Secret } from '../../contract/secret.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { createSaslMechanism } from './index.ts'
import { tokenEndpoint } from './token-endpoint.ts'
import type { Token } from './token-source.ts'
import { TokenCache } from './token-source.ts'

const secret = 'canary/+ \u00e9:1'

interface Asked { readonly method: string | undefined, readonly headers: IncomingMessage['headers'], readonly body: string }

async function serve (t: Test, answer: (response: ServerResponse) => void): Promise<{ url: string, asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    void text(request).then(body => {
      asked.push({ method: request.method, headers: request.headers, body })
      answer(response)
    })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, asked }
}

function json (value: unknown, status = 200): (response: ServerResponse) => void {
  return response => { response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value)) }
}

function askAt (url: string, scope?: string, signal = new AbortController().signal): Promise<Token> {
  return tokenEndpoint({ url, clientId: 'my client', clientSecret: new Secret(secret), scope })(signal)
}

t.test('asks as RFC 6749 has it and takes the token with its life', async t => {
  const { url, asked } = await serve(t, json({ access_token: 'a.b.c', token_type: 'bearer', expires_in: 3_600 }))
  t.same(await askAt(url, 'kafka write'), { value: 'a.b.c', lifetimeMs: 3_600_000 })
  t.match(asked[0], {
    method: 'POST', body: 'grant_type=client_credentials&scope=kafka+write',
    headers: { 'accept': 'application/json', 'content-type': /^application\/x-www-form-urlencoded/ }
  })
  const [, pair = ''] = (asked[0]?.headers.authorization ?? '').split('Basic ')
  t.equal(Buffer.from(pair, 'base64').toString(), 'my%20client:canary%2F%2B%20%C3%A9%3A1')
  await askAt(url)
  t.equal(asked[1]?.body, 'grant_type=client_credentials')
})

t.test('a life may be a text or absent', async t => {
  for (const [expires, lifetimeMs] of [['60', 60_000], [undefined, 0], [-5, 0], ['soon', 0], [null, 0]] as const) {
    const { url } = await serve(t, json({ access_token: 'x', expires_in: expires }))
    t.same(await askAt(url), { value: 'x', lifetimeMs })
  }
})

t.test('what is no token is told with the server and its reason, without the secret', async t => {
  const cases: [(response: ServerResponse) => void, RegExp][] = [
    [json({ error: 'invalid_client', error_description: 'who\nare you' }, 401), /it answered 401 \(invalid_client: who\?are you\)$/],
    [json('no', 500), /it answered 500$/],
    [response => { response.end('<html>') }, /no access_token/],
    [response => { response.end('null') }, /no access_token/],
    [json({ access_token: '' }), /no access_token/],
    [json({ access_token: 'x', token_type: 'mac' }), /not a bearer token/],
    [response => { response.end('x'.repeat(70_000)) }, /above 65536 bytes/],
    [response => { response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end() }, /redirect/],
    [response => { response.socket?.destroy() }, /closed|other side/]
  ]
  for (const [answer, words] of cases) {
    const { url } = await serve(t, answer)
    const error: unknown = await askAt(url).catch((one: unknown) => one)
    t.match(error, { type: 'NO_TOKEN', message: words }, String(words))
    t.match(error, { message: `no token from ${new URL(url).host}: ` })
    t.notMatch(JSON.stringify([String(error), (error as Error).cause]), 'canary')
  }
})

t.test('a server that is not there is told by its address', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  await t.rejects(askAt(`http://127.0.0.1:${port}/token`),
    { type: 'NO_TOKEN', message: `no token from 127.0.0.1:${port}: connect ECONNREFUSED` })
})

t.test('an answer without an end is cut off', async t => {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const { url } = await serve(t, response => {
    response.on('close', resolve)
    const more = (): void => { while (!response.destroyed && response.write('x'.repeat(10_000))); }
    response.on('drain', more)
    more()
  })
  await t.rejects(askAt(url), /above 65536 bytes/)
  await closed
})

t.test('a server that does not answer is left in time', async t => {
  const clock = new ManualClock()
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  const { url } = await serve(t, response => {
    response.on('close', leave)
    arrive()
  })
  const tokens = new TokenCache(signal => askAt(url, undefined, signal), clock)
  const refused = t.rejects(tokens.token(), /within 4000 ms/)
  await arrived
  clock.pass(4_000)
  await refused
  await left
})

t.test('one token of the server serves many logins', async t => {
  const { url, asked } = await serve(t, json({ access_token: 'a.b.c', expires_in: 3_600 }))
  const mechanism = createSaslMechanism({
    mechanism: 'oauthbearer', tokenUrl: url, clientId: 'c', clientSecret: new Secret('s')
  })
  const broker = { host: '127.0.0.1', port: 1 }
  const logins = await Promise.all([1, 2, 3].map(() => mechanism?.begin(broker)))
  t.match(String(logins[2]?.first), 'auth=Bearer a.b.c\x01')
  await mechanism?.begin(broker)
  t.equal(asked.length, 1)
})
