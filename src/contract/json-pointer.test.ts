// JSON pointers over bytes: the examples of RFC 6901, kinds, repeated and escaped names.

import fc from 'fast-check'
import t from 'tap'
import { compilePointer, pointerValue, scalarText } from './json-pointer.ts'

function find (text: string, pointer: string): { text: string, kind: string, scalar: string | undefined } | undefined {
  const bytes = Buffer.from(`x${text}x`)
  const compiled = compilePointer(pointer)
  if (compiled === undefined) throw new Error(`no pointer: ${pointer}`)
  const span = pointerValue(bytes, 1, bytes.length - 1, compiled)
  if (span === undefined) return undefined
  return { text: bytes.toString('utf8', span.start, span.end), kind: span.kind, scalar: scalarText(bytes, span) }
}

t.test('the examples of RFC 6901 5', async t => {
  const document = '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}'
  const table: [string, string][] = [
    ['', document], ['/foo', '["bar","baz"]'], ['/foo/0', '"bar"'], ['/', '0'], ['/a~1b', '1'], ['/c%d', '2'], ['/e^f', '3'],
    ['/g|h', '4'], ['/i\\j', '5'], ['/k"l', '6'], ['/ ', '7'], ['/m~0n', '8']
  ]
  for (const [pointer, text] of table) t.equal(find(document, pointer)?.text, text, pointer)
})

t.test('every kind of value is told', async t => {
  const document = ' { "s" : "a\\u00e9\\n" , "n" : -1.50e3 , "t":true,"f":false,"z":null,"o":{ },"a":[ 1 ] } '
  t.same(find(document, '/s'), { text: '"a\\u00e9\\n"', kind: 'string', scalar: 'aé\n' })
  t.same(find(document, '/n'), { text: '-1.50e3', kind: 'number', scalar: '-1.50e3' })
  t.same(find(document, '/t'), { text: 'true', kind: 'true', scalar: 'true' })
  t.same(find(document, '/f'), { text: 'false', kind: 'false', scalar: 'false' })
  t.same(find(document, '/z'), { text: 'null', kind: 'null', scalar: undefined })
  t.same(find(document, '/o'), { text: '{ }', kind: 'object', scalar: undefined })
  t.same(find(document, '/a'), { text: '[ 1 ]', kind: 'array', scalar: undefined })
  t.same(find(document, '/a/0'), { text: '1', kind: 'number', scalar: '1' })
})

t.test('what is not there is undefined', async t => {
  const document = '{"a":[1,{"b":2}],"c":"d","0":"member"}'
  for (const pointer of ['/x', '/a/2', '/a/-', '/a/01', '/a/b', '/a/-1', '/a/1e0', '/c/0', '/a/1/b/c', '/a/', '/A', '/ab']) {
    t.equal(find(document, pointer), undefined, pointer)
  }
  t.equal(find(document, '/0')?.scalar, 'member', 'an index may name a member')
  t.equal(find('[]', '/0'), undefined)
  t.equal(find('{}', '/a'), undefined)
})

t.test('of repeated names the last counts', async t => {
  t.equal(find('{"a":{"b":1},"a":{"c":2}}', '/a/c')?.text, '2')
  t.equal(find('{"a":{"b":1},"a":{"c":2}}', '/a/b'), undefined)
  t.equal(find('{"a":1,"\\u0061":2}', '/a')?.text, '2')
  t.equal(find('{"\\u0061b":1,"x":2}', '/ab')?.text, '1')
  t.equal(find('{"a\\u0062":1,"ab\\u0063":2}', '/ab')?.text, '1')
})

t.test('texts that are no pointers are not compiled', async t => {
  for (const text of ['a', ' /a', '/~', '/~2', '/a~', '#/a']) t.equal(compilePointer(text), undefined, text)
})

t.test('a pointer finds what JSON.parse finds', async t => {
  const part = fc.constantFrom('a', 'b', '', '0', '1', '~', '/', 'é', '"')
  const document = fc.letrec(tie => ({
    value: fc.oneof({ maxDepth: 4 }, fc.constantFrom<unknown>(1, 'x', null, true), fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(part, tie('value'), { maxKeys: 4 }))
  })).value
  fc.assert(fc.property(document, fc.array(part, { maxLength: 4 }), (document, path) => {
    let expected: unknown = document
    for (const name of path) {
      const holds = typeof expected === 'object' && expected !== null && Object.hasOwn(expected, name)
      expected = holds ? Object.entries(expected as object).find(([key]) => key === name)?.[1] : undefined
    }
    const pointer = path.map(name => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
    const found = find(JSON.stringify(document), pointer)
    return found?.text === (expected === undefined ? undefined : JSON.stringify(expected))
  }), { numRuns: 3_000 })
  t.pass('no counterexample')
})

t.test('text that is not JSON after all never throws', async t => {
  const pointer = compilePointer('/a/0') ?? { steps: [] }
  const tokens = fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '"a":[', '1', '\\', ' '), { maxLength: 12 })
  fc.assert(fc.property(tokens, tokens => {
    const bytes = Buffer.from(tokens.join(''))
    const span = pointerValue(bytes, 0, bytes.length, pointer)
    return span === undefined || span.end <= bytes.length
  }), { numRuns: 5_000 })
  t.pass('no counterexample')
})
