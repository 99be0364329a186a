// The document of the admin listener against the listener: every operation of the one is one of the other.

import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { askAdmin, startAdmin } from '../../test/support/admin-rig.ts'

interface Described {
  readonly parameters?: readonly { readonly name: string }[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> }
  readonly responses: Record<string, { readonly content: Record<string, { readonly schema: object }> }>
}
interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Described>>
  readonly components: { readonly schemas: { readonly Problem: object } }
}

const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } })
const methods = ['get', 'put', 'post', 'patch', 'delete']
const bodies: Readonly<Record<string, string>> = {
  put: '{"disabled":true}', post: '{"disabled":true}', patch: '{}', explain: '{"channel":"orders/eu"}'
}

t.test('the document and the listener agree on every path, method, answer and refusal', async t => {
  const { port } = await startAdmin(t)
  const { openapi, paths, components } = (await askAdmin(port, '/openapi.json')).json as Document
  t.equal(openapi, '3.1.0')
  t.same(Object.entries(paths).map(([path, item]) => `${Object.keys(item).join(' ')} ${path}`), [
    'get /v1/status', 'get /v1/config', 'get /v1/limits', 'get /v1/principals', 'get put /v1/principals/{name}',
    'post /v1/explain', 'get /openapi.json'
  ])
  for (const [path, item] of Object.entries(paths)) {
    for (const method of methods) {
      const operation = item[method]
      const body = bodies[path === '/v1/explain' && method === 'post' ? 'explain' : method]
      const target = path.replace('{name}', 'anna')
      const sent = { method: method.toUpperCase(), ...(body === undefined ? {} : { body }) }
      const { status, json } = await askAdmin(port, target, sent)
      t.equal(status === 405, operation === undefined, `${method} ${path} gives ${status}`)
      if (operation === undefined) continue
      const schema = operation.responses['200']?.content['application/json']?.schema ?? false
      t.ok(ajv.validate(schema, json), `${method} ${path}: ${ajv.errorsText()}`)
      t.same((operation.parameters ?? []).map(({ name }) => name), path.includes('{name}') ? ['name'] : [])
    }
  }
  const refusals = [
    await askAdmin(port, '/v1/principals/nobody'), await askAdmin(port, '/v1/status', { headers: { authorization: '' } }),
    await askAdmin(port, '/v1/principals/a', { method: 'PUT', body: '{}' })
  ]
  const put = paths['/v1/principals/{name}']?.['put']
  for (const { status, json } of refusals) {
    t.ok(ajv.validate(components.schemas.Problem, json), ajv.errorsText())
    t.ok(put?.responses[String(status)], `${status} is documented`)
  }
})

t.test('the body that is documented is the body that is taken', async t => {
  const { port } = await startAdmin(t)
  const { paths } = (await askAdmin(port, '/openapi.json')).json as Document
  const schema = paths['/v1/principals/{name}']?.['put']?.requestBody?.content['application/json']?.schema ?? false
  const tried = [{ disabled: true }, { disabled: false }, {}, { disabled: 1 }, { disabled: true, more: 1 }, [], null]
  for (const body of tried) {
    const answer = await askAdmin(port, '/v1/principals/anna', { method: 'PUT', body: JSON.stringify(body) })
    t.equal(ajv.validate(schema, body), answer.status === 200, JSON.stringify(body))
  }
})
