// Tests of the generated document: it is served, whole, and says every status that the door can answer with.

import t from 'tap'
import { Ajv } from 'ajv'
import { refuse } from '../../src/contract/outcome.ts'
import { routeView, startRest } from '../../test/support/rest-rig.ts'
import { codesByStatus } from './openapi.ts'
import { doorReplies, replies } from './reply.ts'

interface Operation {
  responses: Record<string, unknown>
  parameters: { name: string }[]
  requestBody?: unknown
}
interface Document {
  openapi: string
  info: { version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

const routes = [
  routeView({ name: 'kong-demo', channel: 'kafka', format: 'kong', own: { http: { path: '/kafka', methods: ['GET', 'POST'] } } }),
  routeView({ name: 'deep', channel: 'deep/{a}/{rest*}', own: { http: { path: '/deep/{a}/{rest*}', methods: ['PUT'] } } })
]

t.test('the document holds every path with its methods, aliases too', async t => {
  const { request } = await startRest(t, { routes })
  const answer = await request('GET', '/openapi.json')
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-type'), 'application/json')
  const document = answer.json as Document
  t.match(document, { openapi: '3.1.0', info: { version: '1.2.3' } })
  t.same(Object.entries(document.paths).map(([path, item]) => [path, Object.keys(item)]), [
    ['/v1/events/{channel}', ['post']], ['/openapi.json', ['get']], ['/kafka', ['get', 'post']], ['/deep/{a}/{rest}', ['put']]
  ])
  t.match(document.paths['/deep/{a}/{rest}']?.['put']?.parameters, [{ name: 'a' }, { name: 'rest' }])
  t.equal(document.paths['/kafka']?.['get']?.requestBody, undefined)
})

t.test('every status that the reply tables can give stands at every operation', async t => {
  const { request } = await startRest(t, { routes })
  const { paths } = (await request('GET', '/openapi.json')).json as Document
  const wanted = new Set([...Object.values(replies), ...Object.values(doorReplies)].map(({ status }) => String(status)))
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, { responses }] of Object.entries(item)) {
      if (path === '/openapi.json') continue
      for (const status of [...wanted, '200', '202', '207']) t.ok(status in responses, `${method} ${path} ${status}`)
    }
  }
  const listed = [...codesByStatus().values()].flat().sort()
  t.same(listed, [...Object.keys(replies), ...Object.keys(doorReplies)].sort())
})

t.test('real answers fit the schemas of the document', async t => {
  const { request, ingress } = await startRest(t, { routes })
  const { components: { schemas } } = (await request('GET', '/openapi.json')).json as Document
  const ajv = new Ajv({ strict: false })
  const fits = (name: string, value: unknown): boolean => ajv.validate(schemas[name] ?? false, value)
  t.ok(fits('Receipt', (await request('POST', '/v1/events/a', { body: 'x' })).json))
  const lines = { headers: { 'content-type': 'application/x-ndjson' }, body: '1\n' }
  t.ok(fits('Result', JSON.parse((await request('POST', '/v1/events/a', lines)).text)))
  ingress.outcomeOf = () => refuse('rate-limited', 'slow down')
  t.ok(fits('Problem', (await request('POST', '/v1/events/a', { body: 'x' })).json))
  t.ok(fits('Result', JSON.parse((await request('POST', '/v1/events/a', lines)).text)))
  t.notOk(fits('Problem', {}))
})

t.test('the document can be switched off', async t => {
  const { request } = await startRest(t, { config: { openapi: false } })
  t.equal((await request('GET', '/openapi.json')).status, 404)
})
