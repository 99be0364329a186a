// Tests of paths and channels: what is decoded, what an alias stands for, and which aliases an operator may not write.

import t from 'tap'
import { isRefusal } from '../../src/contract/outcome.ts'
import { routeView } from '../../test/support/rest-rig.ts'
import { compileAlias, eventsChannel, rawPathOf } from './alias.ts'

const aliasOf = (channel: string, path: string) => compileAlias(routeView({ channel, own: { http: { path, methods: ['POST'] } } }))

t.test('the channel is the path behind /v1/events/, decoded once', async t => {
  t.equal(eventsChannel('/v1/events/orders/eu'), 'orders/eu')
  t.equal(eventsChannel('/v1/events/orders%2Feu'), 'orders/eu')
  t.equal(eventsChannel('/v1/events/a%2520b'), 'a%20b')
  t.equal(eventsChannel('/v1/%65vents/a'), 'a')
  for (const path of ['/v1/events/', '/v1/events', '/v1/events/a//b', '/v1/events/a/', '/v1/events/%C0%A0', '/v1/events/%zz',
    '/v1/events/../x', '/v1/events/%00']) {
    const refusal = eventsChannel(path)
    t.ok(isRefusal(refusal) && refusal.code === 'malformed', path)
  }
})

t.test('query, fragment and authority are no part of the path', async t => {
  t.equal(rawPathOf('/a/b?c=/d#e'), '/a/b')
  t.equal(rawPathOf('/a#b?c'), '/a')
  t.equal(rawPathOf('http://host:80/a/b?x'), '/a/b')
  t.equal(rawPathOf('HTTP://user@host'), '')
  t.equal(rawPathOf('*'), '*')
})

t.test('an alias without parameters stands for one channel', async t => {
  const alias = aliasOf('kafka', '/kafka')
  t.match(alias, { routerPath: '/kafka', kong: false })
  t.equal(alias?.channelOf('/kafka'), 'kafka')
})

t.test('parameters of the path fill the channel, wherever they stand', async t => {
  const alias = aliasOf('shop/{region}/orders/{kind}', '/{kind}/in/{region}')
  t.equal(alias?.routerPath, '/:kind/in/:region')
  t.equal(alias?.channelOf('/new/in/eu%20west'), 'shop/eu west/orders/new')
  t.equal(aliasOf('a/{rest*}', '/b/{rest*}')?.routerPath, '/b/*')
  t.equal(aliasOf('a/{rest*}', '/b/{rest*}')?.channelOf('/b/c/d/e'), 'a/c/d/e')
})

t.test('an encoded slash cannot reach another channel', async t => {
  t.match(aliasOf('orders/{region}', '/o/{region}')?.channelOf('/o/eu%2Fsecret'), { code: 'malformed' })
})

t.test('an alias that cannot work is an error that says what to change', async t => {
  t.throws(() => aliasOf('orders/{region}', '/orders'), /needs \{region\}/)
  t.throws(() => aliasOf('orders', '/orders/{region}'), /has \{region\}/)
  t.throws(() => aliasOf('orders/{region}', '/{region}/{region}'), /not one parameter/)
  t.throws(() => aliasOf('a/{rest*}', '/{rest*}/b'), /does not stand last/)
  t.throws(() => aliasOf('orders', '/v1/orders'), /belongs to the door/)
  t.throws(() => aliasOf('orders', '/openapi.json'), /belongs to the door/)
  t.throws(() => aliasOf('$sys', '/sys'), /channel/)
  t.equal(compileAlias(routeView({})), undefined)
})

t.test('a route in the format of Kong answers like Kong', async t => {
  t.match(compileAlias(routeView({ channel: 'k', format: 'kong', own: { http: { path: '/k', methods: ['GET'] } } })), { kong: true })
})
