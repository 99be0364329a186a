// Proves that what start prints can be pasted: an address, a channel that exists, a header where a key is needed.

import t from 'tap'
import { hashOf } from './api-key.ts'
import { renderBanner } from './banner.ts'
import { loadText } from './config-file.ts'
import type { Colors } from './terminal.ts'

const plain: Colors = { bold: (text) => text, dim: (text) => text, red: (text) => text, green: (text) => text }

interface Facts { readonly secure?: boolean, readonly host?: string, readonly configPath?: string }

async function bannerOf (text: string, { secure = false, host = '127.0.0.1', configPath }: Facts = {}): Promise<string> {
  const opened = await loadText(text, 'sluice.yaml', {})
  if ('exitCode' in opened) throw new Error(opened.text)
  const listening = [{ protocol: 'http', host, port: 8443, secure }]
  return renderBanner({ origin: opened.origin, configPath, listening, color: plain })
}

t.test('with keys, TLS and Kafka the lines say so, and hold no secret', async (t) => {
  const banner = await bannerOf(`listeners: [ { protocol: http, host: 0.0.0.0, port: 8443, tls: { cert: a, key: b } } ]
kafka: { brokers: [ "k:9092" ], sasl: { mechanism: plain, username: u, password: hunter2 } }
principals: [ { name: a, credentials: [ { apiKey: "${hashOf('x')}" } ] } ]
authentication: [ auth-api-key: { header: x-key } ]
routes: [ { name: a, channel: "orders/{region}", parameters: { region: { enum: [ "e u", us ] } }, topic: a } ]
`, { secure: true, host: '0.0.0.0' })
  t.equal(banner, `http listens on https://127.0.0.1:8443

Send an event (SLUICE_API_KEY holds the key of a principal):
  curl -i https://127.0.0.1:8443/v1/events/orders/e%20u --cacert CA.pem -H "x-key: $SLUICE_API_KEY" ` +
  `-H 'content-type: application/json' -d '{"hello":"world"}'

Events go to Kafka at k:9092. Read them back:
  npm run sluice -- tail --topic a`)
})

t.test('nothing of the config can end the quoting of the line to paste', async (t) => {
  const banner = await bannerOf(`listeners: [ { protocol: http, port: 8080 } ]
sink: journal
routes: [ { name: a, channel: "{p}", parameters: { p: { enum: [ "a';rm -rf $(x)\`y\`" ] } }, topic: a } ]
`, { host: '::1' })
  const line = banner.split('\n').find((text) => text.includes('curl')) ?? ''
  t.match(line, /^ {2}curl -i http:\/\/\[::1\]:8443\/v1\/events\/[A-Za-z0-9%_.-]+ -H/)
})

t.test('the data has what the key of the route points to, and the config that was named is named again', async (t) => {
  const banner = await bannerOf(`listeners: [ { protocol: http, port: 8080 } ]
sink: journal
routes: [ { name: a, channel: a, topic: a, key: { pointer: "/order/it's~1" } } ]
`, { configPath: './my config.yaml' })
  t.match(banner, ` -d '{"order":{"it'\\''s/":"world"}}'\n`)
  t.match(banner, "npm run sluice -- tail -c './my config.yaml'\n")
})

t.test('a channel that can be made up is preferred, and where there is none the line says what to put in', async (t) => {
  const head = 'listeners: [ { protocol: http, port: 8080 } ]\nsink: journal\nroutes:\n'
  const strict = '  - { name: a, channel: "a/{x}", parameters: { x: { pattern: "[a-z]+" } }, topic: a }\n'
  const open = '  - { name: b, channel: b, topic: b, key: { pointer: /k } }\n'
  t.match(await bannerOf(head + strict + open), '/v1/events/b -H \'content-type: application/json\' -d \'{"k":"world"}\'\n')
  t.match(await bannerOf(head + strict), 'Send an event (in place of X something that [a-z]+ takes):\n  curl -i http://127.0.0.1:8443/v1/events/a/X ')
})
