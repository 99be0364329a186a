// Multipart bodies: the fields of well-formed ones, a refusal for all others, and never an exception.

import fc from 'fast-check'
import t from 'tap'
import { isRefusal } from '../contract/outcome.ts'
import { multipartFields } from './multipart.ts'

const type = 'multipart/form-data; boundary=xYz'

function bodyOf (...lines: string[]): Buffer {
  return Buffer.from(lines.join('\r\n'))
}

function part (name: string, text: string): string[] {
  return ['--xYz', `Content-Disposition: form-data; name="${name}"`, '', text]
}

t.test('fields come in order, repeats and line breaks in values included', async t => {
  const body = bodyOf(...part('a', '1'), ...part('b', 'two\r\nlines\r\n'), ...part('a', ''), '--xYz--', '')
  t.same(multipartFields(type, body), [['a', '1'], ['b', 'two\r\nlines\r\n'], ['a', '']])
})

t.test('a file part is told by its name, and other headers do not matter', async t => {
  const body = bodyOf(
    'preamble',
    '--xYz',
    'Content-Type: text/plain',
    'content-disposition: form-data; filename="name.txt"; name="file"',
    '',
    'text',
    '--xYz--',
    'epilogue'
  )
  t.same(multipartFields(type, body), [['file', 'text']])
})

t.test('an empty value may share its line break with the header', async t => {
  const body = Buffer.from('--xYz\r\nContent-Disposition: form-data; name="a"\r\n\r\n--xYz--')
  t.same(multipartFields(type, body), [['a', '']])
})

t.test('the boundary is found quoted, in any case, and among other parameters', async t => {
  const body = bodyOf(...part('a', '1'), '--xYz--')
  for (const text of ['multipart/form-data;BOUNDARY="xYz"', 'multipart/form-data; charset=utf-8; boundary=xYz; q=1']) {
    t.same(multipartFields(text, body), [['a', '1']], text)
  }
})

t.test('what is not whole is refused as malformed and says why', async t => {
  const whole = bodyOf(...part('a', '1'), '--xYz--')
  const broken: [string, Buffer, RegExp][] = [
    ['multipart/form-data', whole, /no boundary/],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, whole, /no boundary/],
    ['multipart/form-data; boundary=other', whole, /does not hold its boundary/],
    [type, Buffer.alloc(0), /does not hold its boundary/],
    [type, bodyOf(...part('a', '1')), /ends before its last boundary/],
    [type, bodyOf('--xYz', 'no header end', '--xYz--'), /without a header/],
    [type, bodyOf('--xYz', '', 'value', '--xYz--'), /without a name/],
    [type, bodyOf('--xYz', 'Content-Disposition: form-data; filename="a"', '', 'x', '--xYz--'), /without a name/]
  ]
  for (const [contentType, body, words] of broken) {
    t.match(multipartFields(contentType, body), { code: 'malformed', detail: words }, String(words))
  }
})

t.test('a body of more than 1,000 parts is refused', async t => {
  const parts = (count: number): Buffer => bodyOf(...Array.from({ length: count }, () => part('a', '1')).flat(), '--xYz--')
  t.notOk(isRefusal(multipartFields(type, parts(1_000))))
  t.match(multipartFields(type, parts(1_001)), { code: 'malformed', detail: /1000 parts/ })
})

t.test('whatever the bytes are, fields or a refusal come back', async t => {
  let fields = 0
  let refusals = 0
  const piece = fc.oneof(
    fc.constantFrom('--xYz', '--', '\r\n', '\r\n\r\n', 'content-disposition: form-data; name="a"', 'name="', '"'),
    fc.string({ maxLength: 5 })
  )
  const body = fc.oneof(
    fc.array(piece, { maxLength: 20 }).map(pieces => Buffer.from(pieces.join(''))),
    fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
    fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.string()), { maxLength: 3 })
      .map(pairs => bodyOf(...pairs.flatMap(([name, text]) => part(name, text)), '--xYz--'))
  )
  fc.assert(fc.property(body, bytes => {
    if (isRefusal(multipartFields(type, bytes))) refusals++
    else fields++
  }), { numRuns: 3_000 })
  t.ok(fields > 100 && refusals > 100, `${fields} read, ${refusals} refused`)
})

t.test('values come back as they were written', async () => {
  const pair = fc.tuple(fc.stringMatching(/^[a-z]{1,5}$/), fc.string().filter(text => !text.includes('--xYz')))
  fc.assert(fc.property(fc.array(pair, { minLength: 1 }), pairs => {
    const read = multipartFields(type, bodyOf(...pairs.flatMap(([name, text]) => part(name, text)), '--xYz--'))
    if (JSON.stringify(read) !== JSON.stringify(pairs)) throw new Error(JSON.stringify(read))
  }))
})
