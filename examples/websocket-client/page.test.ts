// The page in a real browser against the real gateway: it publishes and is told; from a foreign origin it is refused.

import t from 'tap'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { skipWithoutChromium, startChromium } from '../../test/support/chromium.ts'
import { startGatewayProcess } from '../../test/support/gateway-process.ts'
import { digestOf } from '../../test/support/history.ts'
import { journalContents } from '../../test/support/journal-history.ts'
import { metricOf } from '../../test/support/metrics.ts'

const config = readFileSync(new URL('./sluice.yaml', import.meta.url), 'utf8')
const page = readFileSync(new URL('./page.html', import.meta.url))
const clientCode = stripTypeScriptTypes(readFileSync(new URL('./client.ts', import.meta.url), 'utf8'))
const key = 'shop-key-of-the-example'
const timeout = 60_000

async function connect (shown: Page, url: string, credential: string): Promise<void> {
  await shown.fill('[name=url]', url)
  await shown.fill('[name=key]', credential)
  await shown.click('#connection button')
}

async function stateOf (shown: Page, text: string | RegExp): Promise<string> {
  const state = shown.locator('#state').filter({ hasText: text })
  await state.waitFor({ timeout })
  return await state.textContent() ?? ''
}

t.test('a page publishes from its form and reads its acks', { skip: skipWithoutChromium(), timeout: 240_000 }, async t => {
  const pages = createServer(({ url }, response) => {
    const isCode = url === '/client.js'
    response.writeHead(200, { 'content-type': isCode ? 'text/javascript' : 'text/html' }).end(isCode ? clientCode : page)
  }).listen(0)
  t.teardown(() => pages.close())
  await once(pages, 'listening')
  const { port: pagePort } = pages.address() as AddressInfo
  const folder = t.testdir()
  const changed = config.replace('http://127.0.0.1:8000', `http://127.0.0.1:${pagePort}`)
    .replace('port: 8080 }', 'port: 0 }\n  - { protocol: health, port: 0 }')
  if (!changed.includes(String(pagePort)) || !changed.includes('health')) throw new Error('the example changed: adapt this test')
  const gateway = await startGatewayProcess(folder, changed)
  t.teardown(() => gateway.kill())
  const url = `ws://127.0.0.1:${gateway.port}/v1/stream`
  const browser = await startChromium()
  t.teardown(() => browser.close())

  const shown = await browser.newPage()
  const errors: string[] = []
  shown.on('pageerror', error => errors.push(String(error)))
  await shown.goto(`http://127.0.0.1:${pagePort}/page.html`, { timeout })
  await connect(shown, url, key)
  await stateOf(shown, /^connected$/)
  const data = '{"customer":"Zoë","total":1e999,"big":12345678901234567890}'
  await shown.fill('[name=data]', data)
  for (let count = 1; count <= 3; count++) await shown.click('#event button', { timeout })
  await shown.fill('[name=channel]', 'nowhere')
  await shown.click('#event button', { timeout })
  await shown.locator('#outcomes li.refused').waitFor({ timeout })
  t.same(await shown.locator('#outcomes li.written').allTextContents(), [1, 2, 3].map(id => `event ${id}: written`))
  t.match(await shown.locator('#outcomes li.refused').textContent(), /event 4: refused, no-route: \w+/)

  await t.test('the client that loses nothing runs in a page too', async t => {
    const outcomes = await shown.evaluate(`import('/client.js').then(async ({ StreamClient }) => {
      const client = new StreamClient({ url: '${url}', credential: () => ({ attributes: { 'x-api-key': '${key}' } }) })
      const outcomes = await Promise.all(Array.from({ length: 100 }, (_, n) => client.publish('orders', { n })))
      await client.close()
      return outcomes
    })`)
    t.same(outcomes, Array.from({ length: 100 }, () => ({ outcome: 'written' })))
  })

  await t.test('a page of an origin that is not listed is refused', async t => {
    const foreign = await browser.newPage()
    await foreign.goto(`http://localhost:${pagePort}/page.html`, { timeout })
    await connect(foreign, url, key)
    t.match(await stateOf(foreign, /^closed/), /1006/)
    t.ok(await foreign.locator('#event button').isDisabled())
    t.equal(await metricOf(gateway.healthPort, 'sluice_events_refused_total', 'code="forbidden"'), 1)
  })

  await t.test('a wrong key is refused', async t => {
    await connect(shown, url, 'a-wrong-key')
    t.match(await stateOf(shown, /^closed/), /1006/)
  })

  t.same(errors, [])
  await browser.close()
  t.ok(await gateway.stop())
  const { stored } = await journalContents(join(folder, 'data/journal'))
  const expected = [data, data, data, ...Array.from({ length: 100 }, (_, n) => `{"n":${n}}`)]
  t.same(stored.map(({ digest }) => digest), expected.map(digestOf), 'byte for byte as it was typed')
  t.notMatch(gateway.log(), key)
})
