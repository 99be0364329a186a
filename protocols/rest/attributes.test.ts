// Tests of the attributes of a request: lower case, first value, received order.

import t from 'tap'
import type { IncomingMessage } from 'node:http'
import { RequestAttributes } from './attributes.ts'

const request = {
  method: 'POST', url: '/kafka?key=a%20b&key=c&empty=',
  rawHeaders: ['X-A', '1', 'Host', 'h', 'x-a', '2', 'constructor', 'c'],
  headers: { 'x-a': '1, 2', host: 'h', constructor: 'c' }
} as unknown as IncomingMessage

t.test('the first value of a repeated header is given', async t => {
  const attributes = new RequestAttributes(request)
  t.equal(attributes.get('x-a'), '1')
  t.equal(attributes.get('host'), 'h')
  t.equal(attributes.get('constructor'), 'c')
  t.equal(attributes.get('toString'), undefined)
  t.equal(attributes.get('x-b'), undefined)
})

t.test('method and path stand under names of their own, and are not visited', async t => {
  const attributes = new RequestAttributes(request)
  t.equal(attributes.get(':method'), 'POST')
  t.equal(attributes.get(':path'), '/kafka?key=a%20b&key=c&empty=')
  t.equal(attributes.get(':status'), undefined)
  const seen: string[] = []
  attributes.forEach((name, value) => { seen.push(`${name}=${value}`) })
  t.same(seen, ['x-a=1', 'host=h', 'x-a=2', 'constructor=c'])
})
