// Cross-origin requests as a browser makes them (Fetch standard): preflights, answers, and what strangers are told.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import { routeView, startRest } from '../../test/support/rest-rig.ts'
import type { Answer, RestRig } from '../../test/support/rest-rig.ts'
import type { CorsConfig } from './config.ts'
import { createCors } from './cors.ts'

const config: CorsConfig = {
  origins: ['https://shop.example', 'http://localhost:3000'], allowedHeaders: ['content-type', 'x-api-key'],
  exposedHeaders: ['retry-after'], maxAgeMs: 600_000, credentials: false
}
const origin = 'https://shop.example'
const path = '/v1/events/orders/eu'

function allowedIn ({ headers }: Answer): Record<string, string> {
  const found: Record<string, string> = {}
  headers.forEach((value, name) => { if (name.startsWith('access-control-') || name === 'vary') found[name] = value })
  return found
}

/** A gateway in which nobody is known. */
async function strangersOnly (t: Parameters<typeof startRest>[0], cors: CorsConfig | undefined): Promise<RestRig> {
  const own = { http: { path: '/kafka/{region}', methods: ['GET', 'PUT'] } }
  const rig = await startRest(t, { ...(cors === undefined ? {} : { config: { cors } }), routes: [routeView({ own })] })
  rig.ingress.authenticated = () => refuse('unauthenticated', 'who are you')
  return rig
}

function preflight (rig: RestRig, from: string, target = path): Promise<Answer> {
  return rig.request('OPTIONS', target, {
    headers: { 'origin': from, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-api-key' }
  })
}

t.test('a preflight is answered before anybody proves who it is', async t => {
  const rig = await strangersOnly(t, config)
  const answer = await preflight(rig, origin)
  t.equal(answer.status, 204)
  t.equal(answer.text, '')
  t.same(allowedIn(answer), {
    'access-control-allow-origin': origin, 'access-control-allow-methods': 'GET, HEAD, POST, PUT',
    'access-control-allow-headers': 'content-type, x-api-key', 'access-control-max-age': '600',
    'access-control-expose-headers': 'retry-after', 'vary': 'Origin'
  })
  t.equal(rig.ingress.refusals.length, 0)
})

t.test('a preflight tells the same of every path, whether something is there or not', async t => {
  const rig = await strangersOnly(t, config)
  const told = []
  for (const target of [path, '/v1/events/nothing', '/kafka/eu', '/nowhere', '/%ff']) {
    const answer = await preflight(rig, origin, target)
    told.push([answer.status, allowedIn(answer)])
  }
  for (const one of told) t.same(one, told[0])
})

t.test('pages of other origins are told nothing that lets them send', async t => {
  const rig = await strangersOnly(t, config)
  for (const other of ['https://evil.example', 'https://shop.example.evil', 'http://shop.example', 'null', 'https://SHOP.example']) {
    const answer = await preflight(rig, other)
    t.equal(answer.status, 204)
    t.same(allowedIn(answer), { vary: 'Origin' }, other)
  }
})

t.test('a receipt and a problem document can be read by the page that sent', async t => {
  const rig = await startRest(t, { config: { cors: config } })
  const headers = { origin, 'content-type': 'application/json' }
  const expected = { 'access-control-allow-origin': origin, 'access-control-expose-headers': 'retry-after', 'vary': 'Origin' }
  const receipt = await rig.request('POST', path, { headers, body: '{}' })
  t.equal(receipt.status, 200)
  t.same(allowedIn(receipt), expected)
  rig.ingress.authenticated = () => refuse('unauthenticated', 'who are you')
  const refused = await rig.request('POST', path, { headers, body: '{}' })
  t.equal(refused.status, 401)
  t.same(allowedIn(refused), expected)
  t.same(allowedIn(await rig.request('POST', path, { headers: { origin: 'https://evil.example' }, body: '{}' })), { vary: 'Origin' })
  t.same(allowedIn(await rig.request('POST', path, { body: '{}' })), { vary: 'Origin' }, 'a cache keeps it apart')
})

t.test('the lines of a stream can be read too', async t => {
  const rig = await startRest(t, { config: { cors: config } })
  const answer = await rig.request('POST', path, { headers: { origin, 'content-type': 'application/x-ndjson' }, body: '{}\n{}\n' })
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('access-control-allow-origin'), origin)
})

t.test('an OPTIONS request that is no preflight is asked who it is', async t => {
  const rig = await strangersOnly(t, config)
  t.equal((await rig.request('OPTIONS', path)).status, 401)
  t.equal((await rig.request('OPTIONS', path, { headers: { origin } })).status, 401)
})

t.test('without origins nothing is said, and a preflight is a request like any other', async t => {
  const rig = await strangersOnly(t, undefined)
  const answer = await preflight(rig, origin)
  t.equal(answer.status, 401)
  t.same(allowedIn(answer), {})
})

t.test('every origin may be let in, without credentials', async t => {
  const rig = await strangersOnly(t, { ...config, origins: ['*'], exposedHeaders: [] })
  const answer = await preflight(rig, 'https://anything.example')
  t.equal(answer.headers.get('access-control-allow-origin'), '*')
  t.equal(answer.headers.get('vary'), null)
  t.equal(answer.headers.get('access-control-expose-headers'), null)
  const careless = createCors({ ...config, origins: ['*'], credentials: true }, [])
  t.notOk(careless.pairs(origin).includes('access-control-allow-credentials'))
})

t.test('credentials are allowed for origins that are named', async t => {
  const cors = createCors({ ...config, credentials: true }, ['POST'])
  t.same(cors.pairs(origin).slice(0, 4), ['access-control-allow-origin', origin, 'access-control-allow-credentials', 'true'])
})
