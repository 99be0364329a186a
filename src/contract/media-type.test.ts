// The essence of content types and which of them promise JSON.

import t from 'tap'
import { isJson, mediaType } from './media-type.ts'

t.test('the essence is lower case, without parameters and space', async t => {
  const table: [string | undefined, string][] = [
    [undefined, ''],
    ['', ''],
    ['application/json', 'application/json'],
    ['Application/JSON; charset=UTF-8', 'application/json'],
    [' text/plain ;x="a;b"', 'text/plain'],
    ['\tapplication/cloudevents+json', 'application/cloudevents+json'],
    ['nonsense', 'nonsense'],
    [';', '']
  ]
  for (const [given, essence] of table) t.equal(mediaType(given), essence, String(given))
})

t.test('JSON is the subtype json or a +json suffix', async t => {
  for (const essence of ['application/json', 'text/json', 'application/vnd.shop.order+json', 'model/json']) {
    t.equal(isJson(essence), true, essence)
  }
  for (const essence of ['', 'json', 'application/jsonp', 'application/json-seq', 'text/plain', 'application/x-ndjson']) {
    t.equal(isJson(essence), false, essence)
  }
})
