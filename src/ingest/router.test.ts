// The router: which route wins, what is a mistake, which topics a channel may reach, and what is remembered.

import fc from 'fast-check'
import t from 'tap'
import { routeWith } from '../../test/support/route-settings.ts'
import { isRefusal } from '../contract/outcome.ts'
import type { RouteSettings } from './config.ts'
import { createRouter, isLegalTopic } from './router.ts'
import type { Match, RouteMistake, Router } from './router.ts'

function route (channel: string, parts: Partial<RouteSettings> = {}): RouteSettings {
  return routeWith({ name: channel, channel, topic: 'events', ...parts })
}

function routerOf (...routes: RouteSettings[]): Router {
  const router = createRouter(routes)
  if (!('match' in router)) throw new Error(JSON.stringify(router))
  return router
}

function mistakesOf (...routes: RouteSettings[]): readonly RouteMistake[] {
  const router = createRouter(routes)
  return 'match' in router ? [] : router
}

function nameAt (router: Router, channel: string): string | undefined {
  const match = router.match(channel)
  return isRefusal(match) ? undefined : match.settings.name
}

function matchAt (router: Router, channel: string): Match {
  const match = router.match(channel)
  if (isRefusal(match)) throw new Error(match.detail)
  return match
}

const region = { region: { enum: ['eu', 'us'] } }
const code = { code: { pattern: '[a-z]{2}' } }

t.test('a literal wins over an enum, an enum over a pattern, a pattern over any level, any level over the rest', async t => {
  const routes = [
    route('orders/{all*}', { name: 'rest' }),
    route('orders/{id}', { name: 'any' }),
    route('orders/{code}', { name: 'pattern', parameters: code }),
    route('orders/{region}', { name: 'enum', parameters: region }),
    route('orders/eu', { name: 'literal' })
  ]
  for (const order of [routes, [...routes].reverse()]) {
    const router = routerOf(...order)
    t.equal(nameAt(router, 'orders/eu'), 'literal')
    t.equal(nameAt(router, 'orders/us'), 'enum')
    t.equal(nameAt(router, 'orders/de'), 'pattern')
    t.equal(nameAt(router, 'orders/france'), 'any')
    t.equal(nameAt(router, 'orders/eu/1'), 'rest')
    t.equal(nameAt(router, 'orders'), undefined, 'a rest takes at least one level')
    t.equal(nameAt(router, 'other/eu'), undefined)
  }
})

t.test('the first level counts more than the second, also where an enum meets a literal', async t => {
  const router = routerOf(
    route('{region}/b', { name: 'enum then literal', parameters: region }),
    route('eu/{x}', { name: 'literal then any' })
  )
  t.equal(nameAt(router, 'eu/b'), 'literal then any')
  t.equal(nameAt(router, 'us/b'), 'enum then literal')
})

t.test('a more specific level that leads nowhere is taken back', async t => {
  const router = routerOf(route('a/b/c', { name: 'deep' }), route('{x}/{y}/d', { name: 'wide' }), route('a/{more*}', { name: 'rest' }))
  t.equal(nameAt(router, 'a/b/c'), 'deep')
  t.equal(nameAt(router, 'a/b/d'), 'rest', 'the literal a goes on to its rest before any level is tried')
  t.equal(nameAt(router, 'z/b/d'), 'wide')
  t.equal(nameAt(router, 'z/b/c'), undefined)
})

t.test('an enum takes its values and no other, and its levels fill the templates', async t => {
  const router = routerOf(route('orders/{region}', {
    parameters: region, topic: 'orders.{region}', source: '/shops/{region}', type: 'order.{region}', key: { template: 'k-{region}' }
  }))
  const match = matchAt(router, 'orders/us')
  t.match(match, { topic: 'orders.us', source: '/shops/us', type: 'order.us', channel: 'orders/us', routeIndex: 0 })
  t.equal(match.channelKey?.toString(), 'k-us')
  t.equal(nameAt(router, 'orders/asia'), undefined)
  t.equal(nameAt(router, 'orders/US'), undefined)
})

t.test('a pattern must match the whole level', async t => {
  const router = routerOf(route('orders/{code}', { parameters: { code: { pattern: 'a|bc' } } }))
  t.ok(nameAt(router, 'orders/a'))
  t.ok(nameAt(router, 'orders/bc'))
  for (const level of ['ab', 'xbc', 'abc', 'bc\n', 'a x']) t.equal(nameAt(router, `orders/${level}`), undefined, level)
})

t.test('a rest holds every level that it takes to its enum or pattern', async t => {
  const byPattern = routerOf(route('logs/{path*}', { parameters: { path: { pattern: '[a-z]+' } }, topic: 'logs.{path}' }))
  t.equal(matchAt(byPattern, 'logs/a/b').topic, 'logs.a.b')
  t.equal(nameAt(byPattern, 'logs/a/B'), undefined)
  const byEnum = routerOf(route('logs/{path*}', { parameters: { path: { enum: ['a', 'b'] } } }))
  t.ok(nameAt(byEnum, 'logs/b/a/b'))
  t.equal(nameAt(byEnum, 'logs/b/c'), undefined)
})

t.test('routes that cannot be told apart are a mistake that names the other one', async t => {
  const pairs: [RouteSettings, RouteSettings][] = [
    [route('a/b', { name: 'first' }), route('a/b', { name: 'second' })],
    [route('a/{x}', { name: 'first' }), route('a/{y}', { name: 'second' })],
    [route('a/{x*}', { name: 'first' }), route('a/{y*}', { name: 'second' })],
    [
      route('a/{x}', { name: 'first', parameters: { x: { enum: ['p', 'q'] } } }),
      route('a/{y}', { name: 'second', parameters: { y: { enum: ['q', 'r'] } } })
    ],
    [
      route('a/{x}', { name: 'first', parameters: { x: { pattern: 'p+' } } }),
      route('a/{y}', { name: 'second', parameters: { y: { pattern: 'p+' } } })
    ]
  ]
  for (const pair of pairs) {
    const [mistake, ...more] = mistakesOf(...pair)
    t.match(mistake, { route: 1, path: 'channel', message: /route "first"; make one more specific/ }, pair[1].channel)
    t.same(more, [])
  }
  const patterns = mistakesOf(
    route('a/{x}', { parameters: { x: { pattern: 'p+' } } }), route('a/{y}', { parameters: { y: { pattern: 'q+' } } })
  )
  t.match(patterns, [{ route: 1, path: 'channel', message: /another pattern at the same level.*use an enum/ }])
})

t.test('an enum that names a value twice does not meet itself', async t => {
  t.same(mistakesOf(route('a/{x}', { parameters: { x: { enum: ['p', 'p'] } } })), [])
})

t.test('enums of too many combinations are a mistake and not a full memory', async t => {
  const many = { enum: Array.from({ length: 1_000 }, (_, i) => `v${i}`) }
  const parameters = { a: many, b: many, c: many }
  t.match(mistakesOf(route('{a}/{b}/{c}', { parameters })), [{ path: 'channel', message: /combinations; use a pattern/ }])
})

t.test('every mistake of a route is told at once, with where it is', async t => {
  const mistakes = mistakesOf(
    route('a/{x}/b/{y}', {
      topic: '{nobody}',
      source: '{x',
      type: '{nothing}',
      key: { template: '{none}' },
      parameters: { z: { enum: ['1'] }, x: { pattern: '(' }, y: { enum: ['p/q'], pattern: 'p' } }
    }),
    route('fine'),
    route('_hidden/x'),
    route('a//b'),
    route('p', { key: { pointer: '/a~2' } }),
    route('q', { source: 'no reference' })
  )
  const told = mistakes.map(({ route, path }) => `${route} ${path}`)
  t.same(told.sort(), [
    '0 key.template', '0 parameters.x', '0 parameters.y', '0 parameters.y', '0 parameters.z', '0 source', '0 topic', '0 type',
    '2 channel', '3 channel', '4 key.pointer', '5 source'
  ])
  t.match(mistakes.find(({ path }) => path === 'parameters.z'), { message: 'is no parameter of the channel' })
  t.match(mistakes.find(({ route }) => route === 2), { message: /can never be named/ })
})

t.test('a topic is legal for Kafka and not one of its own', async t => {
  for (const topic of ['orders', 'a', '_a', 'A.b-c_9', 'x'.repeat(249), '...', 'a__b']) t.ok(isLegalTopic(topic), topic)
  for (const topic of ['', '.', '..', '__consumer_offsets', '__x', 'a b', 'a/b', 'x'.repeat(250), '\u00e4', 'a\n']) {
    t.notOk(isLegalTopic(topic), topic)
  }
})

t.test('a topic that is never legal is a mistake', async t => {
  for (const topic of ['__consumer_offsets', '..', 'a b', '__{x}', '{x} ']) {
    t.match(mistakesOf(route('a/{x}', { topic })), [{ path: 'topic', message: /no legal topic/ }], topic)
  }
})

t.test('a channel whose topic would not be legal has no route', async t => {
  const router = routerOf(route('{x}/{y}', { topic: '{x}{y}' }))
  t.equal(matchAt(router, 'a/b').topic, 'ab')
  for (const channel of ['a/ b', 'ä/b', `${'x'.repeat(200)}/${'y'.repeat(50)}`]) {
    t.match(router.match(channel), { code: 'no-route', detail: /legal topic/ }, channel)
  }
  const dots = routerOf(route('t/{x}', { topic: '{x}' }))
  for (const channel of ['t/__consumer_offsets', 't/.', 't/..']) t.match(dots.match(channel), { code: 'no-route' }, channel)
})

t.test('a route serves topicsMax topics, those again and again, and no more', async t => {
  const router = routerOf(route('t/{x}', { topic: 't.{x}', topicsMax: 2 }), route('u/{x}', { topic: 'u.{x}' }))
  for (const channel of ['t/a', 't/b', 't/a', 't/b', 'u/a']) t.ok(nameAt(router, channel), channel)
  t.match(router.match('t/c'), { code: 'no-route', detail: /topicsMax/ })
  t.equal(matchAt(router, 't/b').topic, 't.b')
})

t.test('the source of plain events is a URI reference whatever the channel holds', async t => {
  const router = routerOf(route('Bücher/{x}/{more*}'), route('plain/{x}', { source: 'urn:shop:{x}' }))
  t.equal(matchAt(router, 'Bücher/a b/50%/q?x').source, '/B%C3%BCcher/a%20b/50%25/q%3Fx')
  t.equal(matchAt(router, 'plain/a b').source, 'urn:shop:a%20b')
})

t.test('a channel is remembered with its match, and remembering is bounded', async t => {
  const router = routerOf(route('a/{x}'))
  const first = router.match('a/1')
  t.equal(router.match('a/1'), first, 'the same object')
  t.equal(router.rememberedCount(), 1)
  router.match('b/1')
  t.equal(router.rememberedCount(), 1, 'a channel without a route is not remembered')
  let most = 0
  for (let i = 0; i < 25_000; i++) {
    router.match(`a/${i}`)
    most = Math.max(most, router.rememberedCount())
  }
  t.equal(most, 10_000)
  t.same(router.match('a/1'), first, 'a forgotten channel matches as before')
})

const names = ['a', 'b', 'c']
const levelArbitrary = fc.oneof(
  fc.constantFrom(...names).map(text => ({ text, constraint: undefined })),
  fc.subarray(names, { minLength: 1 }).map(values => ({ text: '', constraint: { enum: values } })),
  fc.constantFrom('[ab]', '[^a]').map(pattern => ({ text: '', constraint: { pattern } })),
  fc.constant({ text: '', constraint: {} })
)
const levelsArbitrary = fc.array(levelArbitrary, { minLength: 1, maxLength: 3 })
const routeArbitrary = fc.tuple(levelsArbitrary, fc.boolean()).map(([levels, rest]) => {
  const texts = levels.map((level, at) => level.text === '' ? `{p${at}}` : level.text)
  const parameters = Object.fromEntries(
    levels.flatMap((level, at) => level.constraint === undefined ? [] : [[`p${at}`, level.constraint]])
  )
  return route([...texts, ...(rest ? ['{rest*}'] : [])].join('/'), { parameters })
})

/** The rank of a route for a channel, one digit per level, or undefined where it does not take it. */
function naiveRank (settings: RouteSettings, channel: string): string | undefined {
  const levels = channel.split('/')
  const texts = settings.channel.split('/')
  let rank = ''
  for (const [at, text] of texts.entries()) {
    if (text.endsWith('*}')) return levels.length > at ? `${rank}0` : undefined
    const level = levels[at]
    if (level === undefined) return undefined
    const constraint = settings.parameters?.[text.slice(1, -1)]
    if (!text.startsWith('{')) {
      if (text !== level) return undefined
      rank += '4'
    } else if (constraint?.enum !== undefined) {
      if (!constraint.enum.includes(level)) return undefined
      rank += '3'
    } else if (constraint?.pattern !== undefined) {
      if (!new RegExp(`^(?:${constraint.pattern})$`).test(level)) return undefined
      rank += '2'
    } else rank += '1'
  }
  return levels.length === texts.length ? rank : undefined
}

t.test('the compiled router agrees with a scan over all routes, whatever their order', async t => {
  let compiled = 0
  let found = 0
  const channel = fc.array(fc.constantFrom(...names, 'd'), { minLength: 1, maxLength: 5 }).map(levels => levels.join('/'))
  const routeList = fc.array(routeArbitrary, { minLength: 1, maxLength: 6 })
  fc.assert(fc.property(routeList, fc.array(channel, { maxLength: 20 }), (all, channels) => {
    const routes = all.map((one, at) => ({ ...one, name: `r${at}` }))
    const router = createRouter(routes)
    if (!('match' in router)) return
    compiled++
    for (const channel of channels) {
      const ranked = routes
        .map(one => ({ name: one.name, rank: naiveRank(one, channel) }))
        .filter(one => one.rank !== undefined)
        .sort((one, other) => (one.rank ?? '') < (other.rank ?? '') ? 1 : -1)
      if (ranked.length > 0) found++
      if (ranked.length > 1 && ranked[0]?.rank === ranked[1]?.rank) throw new Error(`a tie passed: ${channel}`)
      const name = nameAt(router, channel)
      if (name !== ranked[0]?.name) throw new Error(`${channel}: ${name} instead of ${ranked[0]?.name}`)
    }
  }), { numRuns: 2_000 })
  t.ok(compiled > 200 && found > 500, `${compiled} routers, ${found} matches`)
})

t.test('a pattern that would hold up a backtracking engine takes no time', async t => {
  const router = createRouter([routeWith({ channel: '{p}', parameters: { p: { pattern: '(a+)+$' } }, topic: 'x' })])
  if (!('match' in router)) throw new Error(JSON.stringify(router))
  const startMs = process.cpuUsage().user / 1000
  t.match(router.match(`${'a'.repeat(60)}!`), { code: 'no-route' })
  t.ok(process.cpuUsage().user / 1000 - startMs < 1_000)
})

t.test('what only a backtracking engine can do is a mistake', async t => {
  const mistakes = createRouter([routeWith({ channel: '{p}', parameters: { p: { pattern: '(?=a)a' } }, topic: 'x' })])
  t.match(mistakes, [{ path: /parameters/, message: /RE2/ }])
})

t.test('which route feeds a topic is known once an event has gone that way', async t => {
  const router = routerOf(
    route('a/{region}', { name: 'templated', topic: 'orders.{region}', parameters: region }),
    route('b', { name: 'fixed', topic: 'orders.us' })
  )
  t.equal(router.feeding('orders.us'), undefined)
  matchAt(router, 'b')
  t.equal(router.feeding('orders.us')?.name, 'fixed')
  matchAt(router, 'a/us')
  t.equal(router.feeding('orders.us')?.name, 'templated', 'the first in the config')
  t.equal(router.feeding('orders.eu'), undefined)
})
