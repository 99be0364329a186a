// Settings of the REST door: what one request may hold, and how long it may take.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import { networkPattern } from '../../src/contract/address.ts'
import { bytes } from '../../src/contract/setting.ts'

const headerName = Type.String({ pattern: '^[A-Za-z0-9!#$%&\'*+.^_`|~-]+$', maxLength: 100 })

const cors = Type.Object({
  origins: Type.Array(Type.String({ pattern: '^(\\*|[a-z][a-z0-9+.-]*://[^/\\s*]+)$' }), {
    default: [], maxItems: 1_000,
    description: 'Whose pages may send: exact origins such as https://shop.example, or `*` for all.'
  }),
  allowedHeaders: Type.Array(headerName, {
    default: ['authorization', 'content-type', 'idempotency-key', 'x-api-key', 'x-request-id'], maxItems: 100,
    description: 'Headers that pages may send.'
  }),
  exposedHeaders: Type.Array(headerName, {
    default: ['ratelimit', 'ratelimit-policy', 'retry-after', 'x-request-id'], maxItems: 100, description: 'Headers of answers that pages may read.'
  }),
  maxAgeMs: Type.Integer({
    default: 600_000, minimum: 0, maximum: 86_400_000, description: 'How long a browser need not ask again.'
  }),
  credentials: Type.Boolean({
    default: false, description: 'true: pages may send cookies and client certificates; not with the origin `*`.'
  })
}, {
  additionalProperties: false, default: { origins: [] },
  description: 'Lets pages of other origins send (CORS). Without origins, browsers let none.'
})

export type CorsConfig = Static<typeof cors>

/** The `rest:` section. */
export const restConfig = Type.Object({
  bodyBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', description: 'The largest body of a request that is not a stream of lines, as sent.'
  })),
  decompressedBytesMax: Type.Unsafe<number>(bytes({
    default: '4MiB', description: 'The largest such body after its Content-Encoding is undone.'
  })),
  decompressionRatioMax: Type.Integer({
    default: 100, minimum: 1, maximum: 10_000,
    description: 'How many times larger than sent a body or stream may become, once it is above 64 KiB.'
  }),
  batchEventsMax: Type.Integer({
    default: 10_000, minimum: 1, maximum: 1_000_000, description: 'Events in one JSON array.'
  }),
  requestsInFlightMax: Type.Integer({
    default: 100, minimum: 1, maximum: 1_000_000,
    description: 'Requests of one connection that wait for their outcome, where its client pipelines; then reading stops.'
  }),
  lineBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', description: 'The longest line of an NDJSON stream; a longer one is refused and the rest goes on.'
  })),
  linesInFlightMax: Type.Integer({
    default: 2_000, minimum: 1, maximum: 1_000_000,
    description: 'Events of one NDJSON stream that wait for their outcome; then reading stops.'
  }),
  resultBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', description: 'Result lines of one NDJSON stream that its sender has not read yet; then reading stops.'
  })),
  bodyIdleTimeoutMs: Type.Integer({
    default: 10_000, minimum: 50, description: 'How long a body may stand still before it is complete.'
  }),
  bodyTimeoutMs: Type.Integer({
    default: 30_000, minimum: 50, description: 'How long a body that is not a stream of lines may take in all.'
  }),
  streamIdleTimeoutMs: Type.Integer({
    default: 60_000, minimum: 50, description: 'How long an NDJSON stream may stand still, in either direction.'
  }),
  headersCountMax: Type.Integer({
    default: 100, minimum: 10, maximum: 1_000, description: 'Header lines of one request.'
  }),
  urlBytesMax: Type.Unsafe<number>(bytes({
    default: '8KiB', maximumBytes: 65_536, description: 'The longest request target.'
  })),
  idempotencyKeyBytesMax: Type.Unsafe<number>(bytes({
    default: '255B', maximumBytes: 1_024, description: 'The longest Idempotency-Key.'
  })),
  trustedProxies: Type.Array(Type.String({ pattern: networkPattern }), {
    default: [], maxItems: 1_000,
    description: 'Proxies, as addresses or networks such as 10.0.0.0/8, whose word is taken on whose request they pass on.'
  }),
  forwardedHeader: Type.Union([Type.Literal('x-forwarded-for'), Type.Literal('forwarded')], {
    default: 'x-forwarded-for', description: 'The header in which those proxies say it; no other is read.'
  }),
  cors,
  rateLimitHeaders: Type.Boolean({
    default: false,
    description: 'true: receipts tell their sender how its own limits stand (RateLimit); refusals by a limit always do.'
  }),
  openapi: Type.Boolean({ default: true, description: 'true: GET /openapi.json describes this door.' })
}, { additionalProperties: false, default: {}, description: 'The REST door.' })

export type RestConfig = Static<typeof restConfig>

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export type AliasMethod = (typeof methods)[number]

/** What a route may say under `http:`. */
export const aliasConfig = Type.Object({
  path: Type.String({
    pattern: '^(/([A-Za-z0-9._~-]+|\\{[a-zA-Z][a-zA-Z0-9_]*\\*?\\}))+$', minLength: 2, maxLength: 1_024,
    description: 'A path of its own for this route, e.g. /kafka; holds every `{parameter}` of the channel.'
  }),
  methods: Type.Array(Type.Union(methods.map(method => Type.Literal(method))), {
    default: ['POST'], minItems: 1, uniqueItems: true,
    description: 'The methods that publish; GET and HEAD publish an event without data.'
  })
}, { additionalProperties: false, description: 'An address over HTTP beside /v1/events/{channel}.' })

export interface AliasSettings { readonly path: string, readonly methods: readonly AliasMethod[] }
