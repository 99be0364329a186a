// The wrapper of `format: kong`: every kind of body, arguments and headers, and no secret anywhere.

import t from 'tap'
import { attributesOf, envelopeWith } from '../../test/support/odd-envelopes.ts'
import type { Envelope } from '../contract/envelope.ts'
import { isRefusal } from '../contract/outcome.ts'
import { kongValue } from './kong-format.ts'

const secretNames = new Set(['authorization', 'cookie', 'x-api-key', 'apikey'])

interface Wrapper {
  method: string
  uri: string
  uri_args: Record<string, unknown>
  headers: Record<string, unknown>
  body: string
  body_args: unknown
  body_base64?: boolean
}

function textOf (parts: Partial<Envelope>): string {
  const value = kongValue(envelopeWith(parts), secretNames)
  if (isRefusal(value)) throw new Error(value.detail)
  return value.toString()
}

function wrapperOf (parts: Partial<Envelope>): Wrapper { return JSON.parse(textOf(parts)) as Wrapper }

function sent (contentType: string | undefined, data: string | Buffer | null): Wrapper {
  return wrapperOf({ datacontenttype: contentType, data: typeof data === 'string' ? Buffer.from(data) : data })
}

t.test('a JSON body stands as text in body and as it came in body_args', async t => {
  const json = '{"big":12345678901234567890,"n":1e999,"t":"\\u00e4ä"}'
  for (const type of ['application/json', 'application/json; charset=utf-8', 'application/vnd.x+json']) {
    const text = textOf({ datacontenttype: type, data: Buffer.from(json) })
    t.equal((JSON.parse(text) as Wrapper).body, json)
    t.ok(text.endsWith(`"body_args":${json}}`), 'numbers are not rounded')
  }
})

t.test('malformed JSON is refused with the byte offset, unless its decoder has checked it', async t => {
  const refusal = kongValue(envelopeWith({ data: Buffer.from('{"a":}') }), secretNames)
  t.match(refusal, { code: 'malformed', detail: /at byte 5/ })
  t.notOk(isRefusal(kongValue(envelopeWith({ data: Buffer.from('{}'), dataChecked: true }), secretNames)))
})

t.test('a form is taken apart: repeats are lists, a name without a value is true', async t => {
  const form = 'a=1&b=x+y%21&a=2&a=3&flag&bad=%zz&=empty'
  const wrapper = sent('application/x-www-form-urlencoded', form)
  t.equal(wrapper.body, form)
  t.same(wrapper.body_args, { 'a': ['1', '2', '3'], 'b': 'x y!', 'flag': true, 'bad': '%zz', '': 'empty' })
  t.notOk('body_base64' in wrapper)
})

t.test('a multipart body is taken apart, and a broken one refused', async t => {
  const body = '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' +
    '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n--B--\r\n'
  const wrapper = sent('multipart/form-data; boundary=B', body)
  t.equal(wrapper.body, body)
  t.same(wrapper.body_args, { a: ['1', '2'] })
  const broken = kongValue(envelopeWith({ datacontenttype: 'multipart/form-data; boundary=C', data: Buffer.from(body) }), secretNames)
  t.match(broken, { code: 'malformed' })
})

t.test('text stays text, anything else is base64', async t => {
  for (const type of ['text/plain', 'text/html; charset=utf-8', 'application/xml', 'text/xml', 'application/soap+xml', undefined]) {
    t.match(sent(type, 'a "quoted" ä\n'), { body: 'a "quoted" ä\n', body_args: {}, body_base64: undefined }, String(type))
  }
  const bytes = Buffer.from([0, 0xff, 0x22, 0x80])
  for (const type of ['application/octet-stream', 'image/png', 'text/csv']) {
    t.match(sent(type, bytes), { body: bytes.toString('base64'), body_args: {}, body_base64: true }, type)
  }
})

t.test('no body is an empty text, whatever its content type', async t => {
  for (const type of [undefined, 'application/json', 'image/png', 'multipart/form-data', 'application/x-www-form-urlencoded']) {
    for (const data of [null, Buffer.alloc(0)]) {
      const wrapper = sent(type, data)
      t.same([wrapper.body, wrapper.body_args, wrapper.body_base64], ['', {}, undefined], String(type))
    }
  }
})

t.test('method, uri and arguments are those of the request', async t => {
  const wrapper = wrapperOf({ attributes: attributesOf([[':method', 'POST'], [':path', '/kafka/a%20b?x=1&y&x=2&q=a%26b']]) })
  t.equal(wrapper.method, 'POST')
  t.equal(wrapper.uri, '/kafka/a%20b?x=1&y&x=2&q=a%26b')
  t.same(wrapper.uri_args, { x: ['1', '2'], y: true, q: 'a&b' })
  t.match(wrapperOf({}), { method: '', uri: '', uri_args: {}, headers: {} })
})

t.test('headers that come more than once are lists', async t => {
  const attributes = attributesOf([[':path', '/x'], ['accept', 'a'], ['x-tag', '1'], ['x-tag', '2'], ['x-tag', '3']])
  t.same(wrapperOf({ attributes }).headers, { 'accept': 'a', 'x-tag': ['1', '2', '3'] })
})

t.test('no secret is left in headers, uri or arguments, however its name is written', async t => {
  const attributes = attributesOf([
    [':method', 'GET'],
    [':path', '/x?apikey=s3cret1&keep=1&APIKEY=s3cret2&%61pikey=s3cret3&api%6bey=s3cret4&apikey'],
    ['authorization', 'Bearer s3cret5'], ['cookie', 's3cret6'], ['x-api-key', 's3cret7'], ['x-other', 'kept']
  ])
  const text = textOf({ attributes, data: null })
  t.notMatch(text, /s3cret/)
  t.notMatch(text.toLowerCase(), /apikey|api%6bey|%61pikey|authorization|cookie/)
  t.match(JSON.parse(text), { uri: '/x?keep=1', uri_args: { keep: '1' }, headers: { 'x-other': 'kept' } })
  const alone = wrapperOf({ attributes: attributesOf([[':path', '/x?apikey=s3cret']]) })
  t.equal(alone.uri, '/x', 'no question mark is left alone')
})

t.test('names that JavaScript objects have are only names', async t => {
  const wrapper = textOf({
    attributes: attributesOf([[':path', '/x?__proto__=1&__proto__=2&constructor=3'], ['__proto__', 'h'], ['tostring', 'i']]),
    datacontenttype: 'application/x-www-form-urlencoded',
    data: Buffer.from('__proto__=4&hasOwnProperty=5')
  })
  t.match(wrapper, '"uri_args":{"__proto__":["1","2"],"constructor":"3"}')
  t.match(wrapper, '"headers":{"__proto__":"h","tostring":"i"}')
  t.match(wrapper, '"body_args":{"__proto__":"4","hasOwnProperty":"5"}')
  t.equal(({} as Record<string, unknown>)['1'], undefined)
})
