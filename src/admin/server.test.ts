// The admin listener over real sockets: who is let in, what operations answer, and what it does with everything else.

import { connect } from 'node:net'
import t from 'tap'
import { askAdmin, nodeStatus, startAdmin } from '../../test/support/admin-rig.ts'

const paths = ['/v1/status', '/v1/config', '/v1/limits', '/v1/principals', '/v1/principals/anna', '/openapi.json', '/nowhere', '/']

t.test('without the right token nothing is told, not even which paths there are', async t => {
  const { port, logged } = await startAdmin(t)
  for (const authorization of ['', 'Bearer wrong', 'Basic cmlnaHQtdG9rZW46']) {
    for (const path of paths) {
      const { status, headers, json } = await askAdmin(port, path, { headers: { authorization } })
      t.match({ status, headers, json }, {
        status: 401, json: { code: 'unauthenticated', type: 'urn:sluice:admin:unauthenticated', status: 401 },
        headers: { 'www-authenticate': /^Bearer/, 'content-type': 'application/problem+json' }
      }, `${path} with "${authorization}"`)
    }
  }
  t.match(await askAdmin(port, '/v1/principals/anna', { method: 'PUT', headers: { authorization: '' }, body: '{"disabled":true}' }),
    { status: 401, headers: { connection: 'close' } })
  t.equal(logged.length, 2 * paths.length, 'every wrong token is in the log')
  t.match(logged[0], { level: 'warn', message: 'a wrong admin token was sent' })
  t.notMatch(JSON.stringify(logged), 'Bearer')
})

t.test('a name of another site is not answered, whatever the token', async t => {
  const { port } = await startAdmin(t)
  t.match(await askAdmin(port, '/v1/status', { headers: { host: `evil.example:${port}` } }), {
    status: 421, json: { code: 'misdirected', detail: /admin\.hosts/ }
  })
})

t.test('every operation answers JSON that nobody keeps and no page of another origin may read', async t => {
  const { port } = await startAdmin(t)
  const answers: Record<string, unknown> = {
    '/v1/status': nodeStatus,
    '/v1/config': { sink: 'journal' },
    '/v1/limits': { limits: { drainMs: 1 }, levels: [{ name: 'sluice_connections', labels: { protocol: 'http' }, value: 7 }] },
    '/v1/principals': {
      principals: [{ name: 'anna', configured: true, disabled: false, groups: ['shops'], credentials: ['apiKey'] }]
    },
    '/v1/principals/anna': { name: 'anna', configured: true, disabled: false, groups: ['shops'], credentials: ['apiKey'] }
  }
  for (const [path, json] of Object.entries(answers)) {
    const answer = await askAdmin(port, `${path}?verbose=1`, { headers: { origin: 'http://evil.example' } })
    t.match(answer, {
      status: 200, headers: { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
    })
    t.same(answer.json, json, path)
    t.same(Object.keys(answer.headers).filter(name => name.startsWith('access-control')), [])
    const head = await askAdmin(port, path, { method: 'HEAD' })
    t.match(head, { status: 200, text: '', headers: { 'content-length': `${Buffer.byteLength(JSON.stringify(json)) + 1}` } })
  }
})

t.test('a principal is disabled and enabled, and each change is in the log', async t => {
  const { port, published, logged } = await startAdmin(t)
  const put = (name: string, disabled: boolean): ReturnType<typeof askAdmin> =>
    askAdmin(port, `/v1/principals/${encodeURIComponent(name)}`, { method: 'PUT', body: JSON.stringify({ disabled }) })
  t.match(await put('anna', true), { status: 200, json: { name: 'anna', disabled: true, configured: true, note: /until this gateway restarts/ } })
  t.match((await askAdmin(port, '/v1/principals/anna')).json, { disabled: true })
  t.match(await put('spiffe://prod.example/a b%2F', true), { status: 200, json: { name: 'spiffe://prod.example/a b%2F', configured: false } })
  t.match(await put('third', true), { status: 507, json: { code: 'list-full' } })
  t.match(await put('third', false), { status: 200, json: { disabled: false } })
  t.match(await put('a\nb', true), { status: 404, json: { code: 'unknown-principal' } })
  t.match(await askAdmin(port, '/v1/principals/third'), { status: 404, json: { code: 'unknown-principal' } })
  t.match(await put('anna', false), { status: 200, json: { disabled: false } })
  t.same(published, [['anna'], ['anna', 'spiffe://prod.example/a b%2F'], ['spiffe://prod.example/a b%2F']])
  t.match(logged.map(({ fields }) => [fields.name, fields.body]), [
    ['anna', { disabled: true }], [/^spiffe/, { disabled: true }], ['third', { disabled: false }], ['anna', { disabled: false }]
  ])
})

const bodies: readonly [string, Record<string, string>, number, string][] = [
  ['{"disabled":"yes"}', {}, 422, 'invalid-body'],
  ['{"disabled":true,"until":"noon"}', {}, 422, 'invalid-body'],
  ['{}', {}, 422, 'invalid-body'],
  ['null', {}, 422, 'invalid-body'],
  ['[true]', {}, 422, 'invalid-body'],
  ['{"disabled":true', {}, 400, 'malformed'],
  ['{"disabled":true}', { 'content-type': 'text/plain' }, 415, 'unsupported-media-type'],
  ['{"disabled":true}', { 'content-type': '' }, 415, 'unsupported-media-type'],
  ['{"disabled":true}', { 'content-encoding': 'gzip' }, 415, 'unsupported-media-type'],
  [`{"disabled":true}${' '.repeat(4_096)}`, {}, 413, 'too-large'],
  [`{"disabled":true}${' '.repeat(4_096)}`, { 'transfer-encoding': 'chunked' }, 413, 'too-large']
]
for (const [body, headers, status, code] of bodies) {
  t.test(`${body.slice(0, 40).trim()} ${JSON.stringify(headers)} is refused as ${code}, and changes nothing`, async t => {
    const { port, published } = await startAdmin(t)
    t.match(await askAdmin(port, '/v1/principals/anna', { method: 'PUT', headers, body }), { status, json: { code, status } })
    t.same(published, [])
  })
}

t.test('what is not served says so', async t => {
  const { port } = await startAdmin(t)
  t.match(await askAdmin(port, '/v1/nowhere'), { status: 404, json: { code: 'unknown-path' } })
  t.match(await askAdmin(port, '/v1/status/'), { status: 404 })
  t.match(await askAdmin(port, '/v1/principals/%zz'), { status: 400, json: { code: 'malformed' } })
  for (const method of ['POST', 'DELETE', 'OPTIONS', 'PATCH']) {
    t.match(await askAdmin(port, '/v1/principals/anna', { method }), {
      status: 405, headers: { allow: 'GET, HEAD, PUT' }, json: { code: 'method-not-allowed' }
    })
  }
  t.match(await askAdmin(port, '/v1/status', { method: 'PUT', body: '{}' }), { status: 405, headers: { allow: 'GET, HEAD' } })
})

t.test('what throws is told to the log, not to the caller', async t => {
  const { port, logged } = await startAdmin(t, { status: async () => { throw new Error('canary') } })
  const answer = await askAdmin(port, '/v1/status')
  t.match(answer, { status: 500, json: { code: 'internal' } })
  t.notMatch(answer.text, 'canary')
  t.match(logged, [{ level: 'error', message: 'an admin request failed' }])
})

const raw: readonly [string, string, RegExp][] = [
  ['headers that are too large', `GET /v1/status HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(9_000)}\r\n\r\n`, /^HTTP\/1.1 431 .*headers-too-large/s],
  ['bytes that are no HTTP', 'hello\r\n\r\n', /^HTTP\/1.1 400 .*malformed/s],
  ['a request without Host', 'GET /v1/status HTTP/1.1\r\nconnection: close\r\n\r\n', /^HTTP\/1.1 421 /],
  ['a tunnel', 'CONNECT 127.0.0.1:1 HTTP/1.1\r\nhost: localhost\r\n\r\n', /^$/]
]
for (const [what, bytes, answer] of raw) {
  t.test(`${what}: an answer or none, and the connection ends`, async t => {
    const { port } = await startAdmin(t)
    const got = await new Promise<string>(resolve => {
      const chunks: Buffer[] = []
      const socket = connect(port, '127.0.0.1', () => { socket.write(bytes) })
      socket.on('data', chunk => chunks.push(chunk)).on('error', () => {})
      socket.on('close', () => { resolve(Buffer.concat(chunks).toString()) })
    })
    t.match(got, answer)
  })
}

t.test('an event is explained, and what it carries is not in the log', async t => {
  const { port, logged } = await startAdmin(t)
  const ask = (body: object): ReturnType<typeof askAdmin> =>
    askAdmin(port, '/v1/explain', { method: 'POST', body: JSON.stringify(body) })
  const whole = {
    channel: 'orders/eu', headers: [{ name: 'x-api-key', value: 'canary' }], dataBase64: 'e30=', as: 'anna', partitionCount: 6,
    address: '10.0.0.1'
  }
  t.match(await ask(whole), { status: 200, json: { explanations: [{ door: 'rest', channel: 'orders/eu' }] } })
  t.match(await ask({ channel: 'orders/eu', dataBase64: 'A'.repeat(500_000) }), { status: 200 })
  t.match(await ask({ channel: 'x' }), { status: 422, json: { code: 'invalid-body', detail: 'there is no such channel' } })
  const wrong = [
    {}, [], { channel: 1 }, { ...whole, extra: 1 }, { ...whole, headers: {} }, { ...whole, headers: [{ name: 'a' }] },
    { ...whole, headers: [null] }, { ...whole, partitionCount: 0 }, { ...whole, as: 1 }, { ...whole, dataBase64: 1 }
  ]
  for (const body of wrong) t.match(await ask(body), { status: 422, json: { detail: /^send / } }, JSON.stringify(body))
  t.match(await ask({ channel: 'orders/eu', dataBase64: 'A'.repeat(1_100_000) }), { status: 413 })
  t.same(logged, [])
})

t.test('two Host or two Authorization headers are one too many, whichever of them is right', async t => {
  const { port } = await startAdmin(t)
  const tokens = ['a', 'b'].map(token => `authorization: Bearer ${token}`)
  for (const twice of ['host: localhost\r\nhost: evil.example', `host: localhost\r\n${tokens.join('\r\n')}`]) {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    socket.write(`GET /v1/status HTTP/1.1\r\nconnection: close\r\n${twice}\r\n\r\n`)
    let text = ''
    for await (const bytes of socket) text += String(bytes)
    t.match(text, /^HTTP\/1\.1 400 .*"code":"malformed"/s, twice)
  }
})
