// Settings of a route for tests, as the schema's defaults make them.

import type { RouteSettings } from '../../src/ingest/config.ts'

/** A route with its defaults, but for the parts given. */
export function routeWith (parts: Partial<RouteSettings>): RouteSettings {
  return {
    name: 'orders',
    channel: 'orders/{region}',
    topic: 'orders',
    type: 'sluice.event',
    headers: [],
    format: 'binary',
    json: 'check',
    allowTombstone: false,
    topicsMax: 100,
    ...parts
  }
}
