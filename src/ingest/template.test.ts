// Channel patterns and templates: what is legal, what is a mistake in which words, and what they are filled with.

import t from 'tap'
import { compileTemplate, parsePattern } from './template.ts'
import type { PatternLevel, Template } from './template.ts'

function patternOf (text: string): readonly PatternLevel[] {
  const pattern = parsePattern(text)
  if (typeof pattern === 'string') throw new Error(pattern)
  return pattern
}

function templateOf (text: string, pattern: string): Template {
  const template = compileTemplate(text, patternOf(pattern))
  if (typeof template === 'string') throw new Error(template)
  return template
}

t.test('a pattern is read level by level', async t => {
  t.same(patternOf('orders/{region}/v2/{more*}'), [
    { kind: 'literal', text: 'orders' },
    { kind: 'parameter', name: 'region' },
    { kind: 'literal', text: 'v2' },
    { kind: 'rest', name: 'more' }
  ])
})

t.test('what is wrong with a pattern is said in words', async t => {
  const mistakes: [string, RegExp][] = [
    ['', /empty level/],
    ['/orders', /empty level/],
    ['orders/', /empty level/],
    ['orders//eu', /empty level/],
    ['orders/x{region}', /a parameter takes a whole level/],
    ['orders/{region', /a parameter takes a whole level/],
    ['orders/{}', /a parameter takes a whole level/],
    ['orders/{9a}', /a parameter takes a whole level/],
    ['{a}/{a}', /the parameter \{a\} twice/],
    ['{a}/{a*}', /the parameter \{a\} twice/],
    ['{all*}/orders', /\{all\*\} before the end/]
  ]
  for (const [text, words] of mistakes) t.match(parsePattern(text), words, text)
})

t.test('a template is filled from the levels of the channel', async t => {
  const levels = ['orders', 'eu', 'a', 'b']
  const pattern = 'orders/{region}/{more*}'
  t.equal(templateOf('x.{region}', pattern).fill(levels, '.'), 'x.eu')
  t.equal(templateOf('{more}-{region}{region}', pattern).fill(levels, '.'), 'a.b-eueu')
  t.equal(templateOf('{more*}', pattern).fill(levels, '/'), 'a/b', 'a rest may be written with its star')
  t.equal(templateOf('{region}.y', pattern).fill(levels, '.'), 'eu.y')
})

t.test('a template knows whether it is the same for all channels', async t => {
  t.equal(templateOf('orders', 'orders/{region}').constant, true)
  t.equal(templateOf('orders', 'orders/{region}').fill(['orders', 'eu'], '.'), 'orders')
  t.equal(templateOf('', 'orders/{region}').constant, true)
  t.equal(templateOf('orders.{region}', 'orders/{region}').constant, false)
})

t.test('a value that looks like a parameter is not filled again', async t => {
  t.equal(templateOf('{a}.{b}', '{a}/{b}').fill(['{b}', 'x'], '.'), '{b}.x')
})

t.test('what is wrong with a template is said in words', async t => {
  const pattern = patternOf('orders/{region}')
  t.match(compileTemplate('a.{country}', pattern), /uses \{country\}.*it has \{region\}/)
  t.match(compileTemplate('a.{orders}', pattern), /no parameter of the channel/, 'a literal level is no parameter')
  t.match(compileTemplate('{region}', patternOf('orders')), /it has none/)
  t.match(compileTemplate('{}', pattern), /uses \{\}/)
  for (const text of ['a.{region', 'a.region}', '{{region}}', '}{']) {
    t.match(compileTemplate(text, pattern), /without its other half/, text)
  }
})
