// Tests of what a CONNECT shows: the same user name and password in the form of each authenticator.

import t from 'tap'
import { credentialsOf } from './credentials.ts'
import type { MqttConfig } from './config.ts'

type Settings = Pick<MqttConfig, 'passwordIs' | 'apiKeyAttribute'>

const settings: Settings = { passwordIs: 'auto', apiKeyAttribute: 'X-Api-Key' }
const signed = 'eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.sig'

/** Name and value of what is shown, or nothing. */
function shown (
  login: { userName?: string, password?: string | Buffer }, schemes: readonly string[], own: Settings = settings
): string[] {
  const { userName, password } = login
  const { attributes, argument } = credentialsOf(
    { userName, password: password === undefined ? undefined : Buffer.from(password) }, own, schemes)
  const pairs: string[] = []
  attributes.forEach((name, value) => {
    pairs.push(name, value)
    t.equal(attributes.get(name), value)
  })
  t.equal(argument('anything'), undefined)
  return pairs
}

const basic = (pair: string | Buffer): string[] => ['authorization', `Basic ${Buffer.from(pair).toString('base64')}`]
const all = ['ApiKey', 'Basic', 'Bearer']

t.test('what a password is goes by its form, the user name and what is known here', async t => {
  t.same(shown({ userName: 'bob', password: 'p:w' }, all), basic('bob:p:w'))
  t.same(shown({ userName: '', password: 'key' }, all), ['x-api-key', 'key'])
  t.same(shown({ password: 'key' }, all), ['x-api-key', 'key'])
  t.same(shown({ userName: 'bob', password: 'key' }, ['ApiKey']), ['x-api-key', 'key'])
  t.same(shown({ userName: 'bob', password: signed }, all), ['authorization', `Bearer ${signed}`])
  t.same(shown({ userName: 'bob', password: signed }, ['Basic']), basic(`bob:${signed}`))
  t.same(shown({ userName: 'bob', password: 'opaque' }, ['Bearer']), ['authorization', 'Bearer opaque'])
  t.same(shown({ userName: 'bob', password: 'x' }, []), basic('bob:x'))
})

t.test('the operator may say what it is', async t => {
  t.same(shown({ userName: 'bob', password: 'x' }, all, { ...settings, passwordIs: 'apiKey' }), ['x-api-key', 'x'])
  t.same(shown({ userName: 'bob', password: 'x' }, all, { ...settings, passwordIs: 'bearer' }), ['authorization', 'Bearer x'])
  t.same(shown({ userName: 'bob', password: signed }, all, { ...settings, passwordIs: 'basic' }), basic(`bob:${signed}`))
})

t.test('a password may be any bytes, a user name has no colon', async t => {
  t.same(shown({ userName: 'b\u00f6b', password: Buffer.from([0xff]) }, all), basic(Buffer.from([0x62, 0xc3, 0xb6, 0x62, 0x3a, 0xff])))
  t.same(shown({ userName: 'bob:x', password: 'y' }, all), ['authorization', 'Basic'], 'which proves nothing')
})

t.test('without a password nothing is shown', async t => {
  t.same(shown({ userName: 'bob' }, all), [])
  t.same(shown({}, all), [])
})
