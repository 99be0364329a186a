// Routes contradict each other where they can feed the same topic, and not where their templates keep them apart.

import t from 'tap'
import { routeWith } from '../../test/support/route-settings.ts'
import type { RouteSettings } from './config.ts'
import { contradictions } from './topic-overlap.ts'

const regions = { region: { enum: ['eu', 'us'] } }
const shops = { shop: { pattern: '[a-z]+[0-9]' } }
const letters = { shop: { pattern: '^[a-z]+$' } }

/** A route over the parameters that its topic uses. */
function route (topic: string, parameters: RouteSettings['parameters'] = {}): RouteSettings {
  return routeWith({ topic, channel: ['x', ...Object.keys(parameters).map(name => `{${name}}`)].join('/'), parameters })
}

/** What two routes of different settings have in common. */
function common (one: RouteSettings, other: RouteSettings): string | undefined {
  const there = contradictions([one, other], ['a', 'b'])
  const back = contradictions([other, one], ['a', 'b'])
  t.equal(there.length, back.length, `${one.topic} and ${other.topic} in both orders`)
  return there[0]?.topic
}

t.test('fixed names and enums are compared one by one', async t => {
  t.equal(common(route('orders'), route('orders')), 'orders')
  t.equal(common(route('orders'), route('order')), undefined)
  t.equal(common(route('orders.us'), route('orders.{region}', regions)), 'orders.us')
  t.equal(common(route('orders.de'), route('orders.{region}', regions)), undefined)
  t.equal(common(route('{region}.orders', regions), route('{region}.orders', { region: { enum: ['us', 'de'] } })), 'us.orders')
  t.equal(common(route('{region}.orders', regions), route('{region}.orders', { region: { enum: ['de'] } })), undefined)
})

t.test('a name is held against the pattern of a parameter, anchored or not', async t => {
  t.equal(common(route('orders.audit'), route('orders.{shop}', shops)), undefined)
  t.equal(common(route('orders.audit7'), route('orders.{shop}', shops)), 'orders.audit7')
  t.equal(common(route('orders.audit'), route('orders.{shop}', letters)), 'orders.audit')
  t.equal(common(route('orders.a.b7'), route('orders.{region}.{shop}', { ...shops, region: { pattern: '.*' } })), 'orders.a.b7')
  t.equal(common(route('orders.eu.b'), route('orders.{region}.{shop}', { ...regions, ...shops })), undefined)
  t.equal(common(route('eu7.all'), route('{region}{shop}.all', { ...letters, region: { pattern: 'e' } })), undefined)
  t.equal(common(route('eu.all'), route('{region}{shop}.all', { ...letters, region: { pattern: 'e' } })), 'eu.all')
})

t.test('a rest may be any text, whatever its levels must be', async t => {
  const rest = routeWith({ channel: 'x/{path*}', topic: 'x.{path*}', parameters: { path: { enum: ['a', 'b'] } } })
  t.equal(common(route('x.a.b'), rest), 'x.a.b')
  t.equal(common(route('x.'), rest), undefined)
  t.equal(common(route('y.a'), rest), undefined)
})

t.test('of two open templates the fixed beginnings and ends are compared', async t => {
  t.equal(common(route('orders.{shop}', shops), route('orders.{shop}.all', letters)), 'orders.{shop}.all')
  t.equal(common(route('orders.{shop}', shops), route('bills.{shop}', shops)), undefined)
  t.equal(common(route('{shop}.orders', shops), route('{shop}.bills', shops)), undefined)
  const eu = route('{region}.{shop}', { region: { enum: ['eu'] }, ...shops })
  t.equal(common(eu, route('{region}.{shop}', { region: { enum: ['us'] }, ...shops })), undefined)
  t.equal(common(eu, route('{region}.{shop}', { ...regions, ...shops })), '{region}.{shop}')
})

t.test('each route is told of the first that it contradicts; those that agree are not looked at', async t => {
  const routes = [route('a'), route('b'), route('a'), route('{any}', { any: {} }), route('a')]
  t.same(contradictions(routes, ['zstd', 'zstd', 'gzip', 'zstd', 'zstd']), [
    { route: 2, other: 0, topic: 'a' }, { route: 3, other: 2, topic: 'a' }, { route: 4, other: 2, topic: 'a' }
  ])
  t.same(contradictions(routes, routes.map(() => 'zstd')), [])
})

t.test('an enum of more values than can be compared counts as open', async t => {
  const many = { n: { enum: Array.from({ length: 10_001 }, (_, i) => `n${i}`) } }
  t.equal(common(route('x.{n}', many), route('x.n10000')), 'x.n10000')
  t.equal(common(route('x.{n}', many), route('x.m')), undefined)
  t.equal(common(route('x.{n}', many), route('x.{shop}', shops)), 'x.{shop}')
})
