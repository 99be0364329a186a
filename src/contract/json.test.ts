// The JSON checker agrees with JSON.parse wherever RFC 8259 and our limits do, and names the byte where it does not.

import fc from 'fast-check'
import t from 'tap'
import { checkJson, depthMax, forEachMember, splitArray, tooManyItems } from './json.ts'

function check (text: string | Buffer): ReturnType<typeof checkJson> {
  // Other bytes stand around the text: nothing outside the span may count.
  const bytes = Buffer.concat([Buffer.from('[1'), Buffer.from(text), Buffer.from('23]"')])
  return checkJson(bytes, 2, bytes.length - 4)
}

/** A test's name in printable characters. */
function title (text: string): string {
  return JSON.stringify(text.slice(0, 60)).replaceAll(/[^ -~]/g, '?')
}

t.test('well-formed texts pass', async t => {
  const table = [
    '0', '-0', '10', '-1.5', '0.0', '1e5', '1E+05', '123.456e-789', 'true', 'false', 'null', '""', '"a"', '[]', '{}',
    ' \t\r\n[ ] \n', '[1,2 , 3]', '{"a":1}', '{ "a" : { "b" : [ ] } , "c" : "d" }', '{"a":1,"a":2}', '{"":0}',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABcd"', '"\\ud800"', '"\\udc00\\ud800"', '"é€😀\u007f\u2028"', '"\ufeff"',
    '[[],{},[{}],{"a":[]}]', '[true,false,null,0,"x"]', '['.repeat(depthMax) + ']'.repeat(depthMax),
    '{"a":'.repeat(depthMax) + '1' + '}'.repeat(depthMax)
  ]
  for (const text of table) t.equal(check(text), undefined, title(text))
})

t.test('malformed texts are refused at the byte that is wrong', async t => {
  const early = 'the text ends too early'
  const value = 'a value must stand here'
  const literal = 'a literal must be true, false or null'
  const number = 'a number is malformed'
  const escape = 'an escape is malformed'
  const name = 'a member name in double quotes must stand here'
  const table: [string, number, string][] = [
    ['', 0, early], ['  ', 2, early], ['[', 1, early], ['[1', 2, early], ['[1,', 3, early], ['{', 1, early],
    ['{"a"', 4, early], ['{"a":', 5, early], ['{"a":1', 6, early], ['{"a":1,', 7, early], ['"a', 2, early],
    ['"\\', 2, early], ['"\\u12', 5, early], ['tru', 3, early], ['-', 1, early], ['1.', 2, early], ['1e', 2, early],
    ['1e+', 3, early], ['x', 0, value], ['[,]', 1, value], ['[1,]', 3, value], ['{"a":}', 5, value], ['\'a\'', 0, value],
    ['+1', 0, value], ['.5', 0, value], ['NaN', 0, value], ['Infinity', 0, value], ['undefined', 0, value], ['/**/1', 0, value],
    [']', 0, value], ['}', 0, value], [',', 0, value], ['\u00a01', 0, value], ['\v1', 0, value], ['\f1', 0, value], ['\0', 0, value],
    ['trux', 3, literal], ['nulL', 3, literal], ['-a', 1, number], ['-.5', 1, number], ['1.e5', 2, number],
    ['1.5e+x', 5, number], ['1ex', 2, number], ['01', 1, 'nothing may follow the value'],
    ['-01', 2, 'nothing may follow the value'], ['0x1', 1, 'nothing may follow the value'],
    ['1 2', 2, 'nothing may follow the value'], ['{}]', 2, 'nothing may follow the value'],
    ['""x', 2, 'nothing may follow the value'], ['1\0', 1, 'nothing may follow the value'],
    ['"a\nb"', 2, 'a control character must be escaped in a string'],
    ['"\0"', 1, 'a control character must be escaped in a string'], ['"\u001f"', 1, 'a control character must be escaped in a string'],
    ['"\\x"', 1, escape], ['"\\u12g4"', 1, escape], ['"\\U1234"', 1, escape], ['"\\\'"', 1, escape], ['"\\u 123"', 1, escape],
    ['{a:1}', 1, name], ['{1:1}', 1, name], ['{,}', 1, name], ['{"a":1,}', 7, name], ['{null:1}', 1, name],
    ['{"a" 1}', 5, 'a colon must stand here'], ['{"a",1}', 4, 'a colon must stand here'],
    ['[1 2]', 3, 'a comma or ] must stand here'], ['[1}', 2, 'a comma or ] must stand here'],
    ['[1:2]', 2, 'a comma or ] must stand here'], ['{"a":1 "b":2}', 7, 'a comma or } must stand here'],
    ['{"a":1]', 6, 'a comma or } must stand here'], ['{]', 1, name], ['[}', 1, value],
    ['\ufeff1', 0, 'a byte order mark must not stand here'],
    ['['.repeat(depthMax + 1), depthMax, `nesting is deeper than ${depthMax}`],
    ['{"a":'.repeat(depthMax) + '{}', depthMax * 5, `nesting is deeper than ${depthMax}`]
  ]
  for (const [text, offset, problem] of table) t.same(check(text), { offset, problem }, title(text))
})

t.test('strings hold valid UTF-8 only', async t => {
  const good = ['c280', 'dfbf', 'e0a080', 'ecbfbf', 'ed9fbf', 'ee8080', 'efbfbf', 'f0908080', 'f3bfbfbf', 'f48fbfbf']
  const bad = [
    '80', 'bf', 'c080', 'c1bf', 'e08080', 'e09fbf', 'eda080', 'edbfbf', 'f0808080', 'f08fbfbf', 'f4908080', 'f5808080',
    'ff', 'fe', 'c3', 'c341', 'e282', 'e28241', 'e241ac', 'f09f98', 'f09f9841', 'f09f4180', 'f0419880'
  ]
  for (const hex of good) t.equal(check(Buffer.from(`22${hex}22`, 'hex')), undefined, hex)
  for (const hex of bad) {
    const text = Buffer.from(`2261${hex}22`, 'hex')
    t.same(check(text), { offset: 2, problem: 'a string is not valid UTF-8' }, hex)
    t.ok(check(Buffer.from(`7b22${hex}223a317d`, 'hex')), `${hex} in a name`)
  }
  t.ok(checkJson(Buffer.from('22f09f9880', 'hex'), 0, 4), 'a character that is cut by the end of the span')
})

// JSON.parse takes any depth and, because the bytes become text first, bytes that are not UTF-8.
function parses (bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return true
  } catch {
    return false
  }
}

const documents = fc.tuple(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t'))
  .map(([value, space]) => Buffer.from(JSON.stringify(value, null, space)))

t.test('it takes whatever JSON.stringify writes', async t => {
  const passes = fc.property(documents, document => checkJson(document, 0, document.length) === undefined)
  fc.assert(passes, { numRuns: 1_000 })
  t.pass('no counterexample')
})

t.test('it judges damaged documents as JSON.parse does', async t => {
  const telling = fc.constantFrom(...Buffer.from('"\\{}[],:0123456789-+.eEtrufalsn \n\t/x\0'), 0x80, 0xc3, 0xed, 0xf4, 0xff)
  const damage = fc.array(fc.tuple(fc.nat(10_000), fc.constantFrom('change', 'insert', 'drop'), telling), {
    minLength: 1, maxLength: 3
  })
  const seeds = fc.oneof(documents, fc.constantFrom(
    '{"a":[1.5e-3,"\\u00e9\\n",{"b":null}],"c":true}', '["é€😀",-0.1E+2,false,{}]'
  ).map(text => Buffer.from(text)))
  fc.assert(fc.property(seeds, damage, (document, damage) => {
    const list = [...document]
    for (const [place, kind, byte] of damage) {
      const at = place % (list.length + 1)
      if (kind === 'insert') list.splice(at, 0, byte)
      else if (kind === 'drop') list.splice(at, 1)
      else list[at] = byte
    }
    const bytes = Buffer.from(list)
    const mistake = checkJson(bytes, 0, bytes.length)
    if (mistake !== undefined && (mistake.offset < 0 || mistake.offset > bytes.length)) return false
    return (mistake === undefined) === parses(bytes)
  }), { numRuns: 20_000 })
  t.pass('no counterexample')
})

t.test('it judges random bytes as JSON.parse does', async t => {
  const tokens = fc.array(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '1', '-', '.', 'e', 'null', ' ', '\\', 'u00e9'), {
    maxLength: 12
  }).map(tokens => Buffer.from(tokens.join('')))
  const noise = fc.oneof(tokens, fc.uint8Array({ maxLength: 20 }).map(array => Buffer.from(array)))
  fc.assert(fc.property(noise, bytes =>
    (checkJson(bytes, 0, bytes.length) === undefined) === parses(bytes)), { numRuns: 20_000 })
  t.pass('no counterexample')
})

function membersOf (text: string): { members: [string, string][], mistake: unknown } {
  const bytes = Buffer.from(text)
  const members: [string, string][] = []
  const mistake = forEachMember(bytes, 0, bytes.length, (keyStart, keyEnd, valueStart, valueEnd) => {
    members.push([bytes.toString('utf8', keyStart, keyEnd), bytes.toString('utf8', valueStart, valueEnd)])
  })
  return { members, mistake }
}

t.test('members are visited in order, as they are written', async t => {
  t.same(membersOf(' { "a" : 1 , "b\\n":[ {} ] ,"a":"x"} '), {
    members: [['a', '1'], ['b\\n', '[ {} ]'], ['a', '"x"']], mistake: undefined
  })
  t.same(membersOf('{}'), { members: [], mistake: undefined })
})

t.test('a walk checks the whole text', async t => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  const table: [string, number][] = [
    ['', 0], ['{', 1], ['[]', 0], ['"x"', 0], ['[', 1], ['{"a"}', 4], ['{"a":1,}', 7], ['{"a":1}x', 7], ['{"a":01}', 6],
    ['{"a":1 "b"}', 7], ['{1', 1], ['{"a', 3], ['{"a":1,', 7], ['{}}', 2], [`{"a":${nested(depthMax)}}`, 5 + depthMax - 1]
  ]
  for (const [text, offset] of table) {
    t.match(membersOf(text).mistake, { offset, problem: String }, title(text))
  }
  t.equal(membersOf(`{"a":${nested(depthMax - 1)}}`).mistake, undefined)
})

t.test('a visitor that returns false ends the walk', async t => {
  const bytes = Buffer.from('{"a":1,"b":2,!')
  let visitCount = 0
  t.equal(forEachMember(bytes, 0, bytes.length, () => { visitCount++; return visitCount < 2 }), undefined)
  t.equal(visitCount, 2)
})

t.test('a walk finds what JSON.parse finds', async t => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), value => {
    const text = JSON.stringify(value, null, 1)
    const { members, mistake } = membersOf(text)
    const rebuilt = `{${members.map(([key, part]) => `"${key}":${part}`).join()}}`
    return mistake === undefined && JSON.stringify(JSON.parse(rebuilt)) === JSON.stringify(JSON.parse(text))
  }), { numRuns: 500 })
  t.pass('no counterexample')
})

function itemsOf (text: string, itemsMax = 100): string[] | { offset: number, problem: string } {
  const bytes = Buffer.from(text)
  const found = splitArray(bytes, 0, bytes.length, itemsMax)
  if ('problem' in found) return found
  return found.starts.map((start, i) => bytes.toString('utf8', start, found.ends[i]))
}

t.test('an array is split into its items', async t => {
  t.same(itemsOf(' [ 1 , "a,b" ,{"c":[1,2]}, [] ] '), ['1', '"a,b"', '{"c":[1,2]}', '[]'])
  t.same(itemsOf('[]'), [])
  t.same(itemsOf('[ ]'), [])
  t.same(itemsOf('[1,2]', 2), ['1', '2'])
  t.same(itemsOf('[1,2,3]', 2), { offset: 5, problem: tooManyItems })
  t.same(itemsOf('[1]', 0), { offset: 1, problem: tooManyItems })
  for (const [text, offset] of [
    ['', 0], ['[', 1], ['{}', 0], ['{', 1], ['[1', 2], ['[1,', 3], ['[1,]', 3], ['[1 2]', 3], ['[1]x', 3], ['[,]', 1], ['[01]', 2]
  ] as const) t.match(itemsOf(text), { offset, problem: String }, title(text))
})

t.test('the time of a check grows in line with the text', async t => {
  // Texts that make backtracking or recursive scanners slow.
  const million = 1_000_000
  for (const text of ['['.repeat(million), '"' + '\\'.repeat(million), '1'.repeat(million), ' '.repeat(million), '{"a":'.repeat(million)]) {
    const startedMs = performance.now()
    checkJson(Buffer.from(text), 0, Buffer.byteLength(text))
    t.ok(performance.now() - startedMs < 2_000)
  }
})
