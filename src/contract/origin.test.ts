// Which origins a page may connect from: those of its host and those listed, compared whole.

import t from 'tap'
import { createOriginRule } from './origin.ts'

const host = 'gate.example:8080'
const table: readonly (readonly [origin: string | undefined, host: string | undefined, may: boolean])[] = [
  [undefined, host, true],
  ['https://shop.example', host, true],
  ['HTTPS://Shop.example', host, true],
  ['https://gate.example:8080', host, true],
  ['http://gate.example:8080', host, true],
  ['http://gate.example', 'gate.example:80', true],
  ['https://gate.example', 'gate.example:80', false],
  ['https://shop.example.evil', host, false],
  ['https://shop.example:444', host, false],
  ['https://gate.example', host, false],
  ['file://gate.example:8080', host, false],
  ['null', host, false],
  ['', host, false],
  ['https://gate.example', undefined, false]
]

t.test('pages of the host and of listed origins may connect, and what is no page', async t => {
  const mayConnect = createOriginRule(['https://shop.example'])
  for (const [origin, host, may] of table) t.equal(mayConnect(origin, host), may, `${origin} at ${host}`)
})

t.test('with a star every page may', async t => {
  t.equal(createOriginRule(['https://shop.example', '*'])('https://evil.example', host), true)
})
