// Settings of bridges that fit the schema and cannot work are refused at their place; pauses grow and are bounded.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { bridgeSettings } from '../../test/support/bridge-rig.ts'
import { FakeIngress } from '../../test/support/fake-ingress.ts'
import { silentLog } from '../../test/support/odd-envelopes.ts'
import { refusals, retryable } from '../../src/contract/outcome.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { Secret } from '../../src/contract/secret.ts'
import { SettingError } from '../../src/contract/setting-error.ts'
import { Backoff } from './backoff.ts'
import { addressOf } from './broker-socket.ts'
import type { BridgeSettings } from './config.ts'
import { mqttBridge } from './index.ts'
import { actionOf } from './reply.ts'

const url = 'mqtt://127.0.0.1'

function create (...config: readonly BridgeSettings[]): void {
  mqttBridge.create({ config, routes: [], ingress: new FakeIngress(), version: '', log: silentLog })
}

t.test('settings that contradict each other are told at the one to change', async t => {
  const cases: readonly { config: BridgeSettings[], path: (string | number)[], says: RegExp }[] = [
    { config: [bridgeSettings(url), bridgeSettings(url)], path: [1, 'name'], says: /another bridge is named b/ },
    { config: [bridgeSettings(url, { tls: {} })], path: [0, 'tls'], says: /write mqtts/ },
    { config: [bridgeSettings('mqtt://h:99999')], path: [0, 'url'], says: /1 to 65535/ },
    { config: [bridgeSettings(url, { password: new Secret('x') })], path: [0, 'password'], says: /without a username/ },
    { config: [bridgeSettings(url, { subscriptions: ['a', 'a/#/b'] })], path: [0, 'subscriptions', 1], says: /./ },
    { config: [bridgeSettings(url, { subscriptions: ['$share/g'] })], path: [0, 'subscriptions', 0], says: /./ }
  ]
  for (const { config, path, says } of cases) {
    try {
      create(...config)
      t.fail(`${path.join('.')} was taken`)
    } catch (error) {
      if (!(error instanceof SettingError)) throw error
      t.same(error.path, ['mqttBridge', ...path])
      t.match(error.message, says)
    }
  }
  t.doesNotThrow(() => { create(bridgeSettings('mqtts://h', { tls: {} }), bridgeSettings(url, { name: 'c' })) })
})

t.test('every mistake of every bridge is told at once', async t => {
  const config = [bridgeSettings('mqtt://h:0', { tls: {} }), bridgeSettings(url, { subscriptions: ['#/a', 'a', '+b'] })]
  t.same(mqttBridge.examine?.(config).map(({ path }) => path.join('.')), [
    'mqttBridge.0.url', 'mqttBridge.0.tls', 'mqttBridge.1.name', 'mqttBridge.1.subscriptions.0', 'mqttBridge.1.subscriptions.2'
  ])
})

t.test('a URL names host and port, and the usual ports where it names none', async t => {
  t.same(addressOf('mqtt://broker.example'), { host: 'broker.example', port: 1883, secure: false })
  t.same(addressOf('mqtts://[2001:db8::1]/'), { host: '2001:db8::1', port: 8883, secure: true })
  t.same(addressOf('mqtt://10.0.0.1:1884'), { host: '10.0.0.1', port: 1884, secure: false })
})

t.test('what can be tried again is never acknowledged, whatever the operator wants of the rest', async t => {
  for (const code of Object.keys(refusals) as RefusalCode[]) {
    const standard = actionOf(code, { onRefused: 'acknowledge', onUndeliverable: 'hold' })
    const isHeld = retryable(code) || code === 'unauthenticated'
    t.equal(standard, isHeld ? 'hold' : 'acknowledge', code)
    const strict = actionOf(code, { onRefused: 'stop', onUndeliverable: 'acknowledge' })
    t.equal(strict, code === 'undeliverable' ? 'acknowledge' : isHeld ? 'hold' : 'stop', code)
  }
})

t.test('pauses grow up to their limit, and begin anew after a reset', async t => {
  const backoff = new Backoff({ firstMs: 100, longestMs: 1_000 })
  const longest = (count: number): number => Math.max(...Array.from({ length: count }, () => backoff.nextMs()))
  t.ok(longest(1) <= 100)
  t.ok(longest(1) <= 200)
  const many = longest(200)
  t.ok(many <= 1_000 && many > 500, `${many}`)
  backoff.reset()
  t.ok(longest(1) <= 100)
})

t.test('the README has every setting, with its default', async t => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  const found = [...readme.matchAll(/^\| `([A-Za-z.]+)` \| [^|]+ \| ([^|]*) \|/gm)]
  const rows = found.map(([, name, standard]) => [name, standard?.trim()])
  const { items } = mqttBridge.config as { items: Fields }
  const expected = Object.entries(items.properties).flatMap(([name, one]) => [
    [name, shown(one, items.required?.includes(name) === true)],
    ...Object.keys(one.properties ?? {}).map(below => [`${name}.${below}`, ''])
  ])
  t.same(rows, expected)
})

interface Field { readonly default?: unknown, readonly properties?: object }
interface Fields { readonly properties: Record<string, Field>, readonly required?: readonly string[] }

function shown ({ default: standard }: Field, isRequired: boolean): string {
  if (standard === undefined) return isRequired ? 'required' : ''
  return `\`${standard === '' ? '""' : String(standard)}\``
}
