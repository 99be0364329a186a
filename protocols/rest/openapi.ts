// The OpenAPI 3.1 document of the door, generated from its routes, its reply tables and its settings.

import { refusals } from '../../src/contract/outcome.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import type { Alias } from './alias.ts'
import type { RestConfig } from './config.ts'
import { acceptedCodings } from './inflate.ts'
import { formats } from './media.ts'
import { doorReplies, meaningOf, replies } from './reply.ts'
import type { DoorCode } from './reply.ts'

type Json = Readonly<Record<string, unknown>>

export interface Described { readonly aliases: readonly Alias[], readonly config: RestConfig, readonly version: string }

/** The document, as JSON text. */
export function openapiText (described: Described): string {
  const { aliases, version } = described
  const paths: Record<string, Record<string, unknown>> = {
    '/v1/events/{channel}': {
      post: operation(described, {
        operationId: 'publish', summary: 'Publish to a channel', bodyless: false, kong: false,
        parameters: [parameter('channel', 'levels separated by /, sent as they are; each is percent-encoded once')]
      })
    },
    '/openapi.json': {
      get: { operationId: 'openapi', summary: 'This document', responses: { 200: { description: 'OpenAPI 3.1' } } }
    }
  }
  for (const alias of aliases) {
    const path = alias.path.replace(/\*\}/g, '}')
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => parameter(name, 'a level of the channel'))
    const item = paths[path] ??= {}
    for (const method of alias.methods) {
      item[method.toLowerCase()] = operation(described, {
        operationId: `${alias.routeName}-${method.toLowerCase()}`, summary: `Publish to route ${alias.routeName}`,
        bodyless: method === 'GET' || method === 'HEAD', kong: alias.kong, parameters
      })
    }
  }
  return JSON.stringify({
    openapi: '3.1.0', info: { title: 'Sluice REST door', version }, paths,
    components: { schemas: { Receipt: receiptSchema, Problem: problemSchema, Result: resultSchema } }
  })
}

function parameter (name: string, description: string): Json {
  return { name, in: 'path', required: true, description, schema: { type: 'string' } }
}

interface Publishing {
  readonly operationId: string
  readonly summary: string
  readonly parameters: readonly Json[]
  readonly bodyless: boolean
  readonly kong: boolean
}

function operation (described: Described, { operationId, summary, parameters, bodyless, kong }: Publishing): Json {
  const body = {
    description: `at most ${described.config.bodyBytesMax} bytes, or a stream of lines of at most ` +
      `${described.config.lineBytesMax} bytes each; Content-Encoding may be ${acceptedCodings}`,
    content: Object.fromEntries([['application/json', {}], ...[...formats.keys()].map(type => [type, {}]), ['*/*', {}]])
  }
  return {
    operationId, summary, parameters: [...parameters, ...headerParameters],
    ...(bodyless ? {} : { requestBody: body }), responses: responsesOf(kong)
  }
}

const headerParameters: readonly Json[] = [
  ['idempotency-key', 'the id of an event that is not a CloudEvent'],
  ['x-request-id', 'comes back in the answer'], ['traceparent', 'W3C Trace Context']
].map(([name, description]) => ({ name, in: 'header', required: false, description, schema: { type: 'string' } }))

const limitHeaders = Object.fromEntries([
  ['ratelimit-policy', 'limits of the sender, as in draft-ietf-httpapi-ratelimit-headers-10'],
  ['ratelimit', 'how they stand, the one nearest to its end first']
].map(([name, description]) => [name, { description, schema: { type: 'string' } }]))

function responsesOf (kong: boolean): Json {
  const receipt = kong
    ? { allOf: [{ $ref: '#/components/schemas/Receipt' }, { properties: { message: { const: 'message sent' } } }] }
    : { $ref: '#/components/schemas/Receipt' }
  const results = { type: 'array', items: { $ref: '#/components/schemas/Result' } }
  const responses: Record<string, unknown> = {
    200: {
      headers: limitHeaders, description: 'written; many events: one result each, as an array for arrays and as lines for lines',
      content: {
        'application/json': { schema: { oneOf: [receipt, results] } },
        'application/x-ndjson': { schema: { $ref: '#/components/schemas/Result' } }
      }
    },
    202: {
      description: 'received, nothing more is promised (ack none)', content: { 'application/json': { schema: receipt } }
    },
    207: { description: 'an array of which some events are refused', content: { 'application/json': { schema: results } } }
  }
  for (const [status, codes] of codesByStatus()) {
    responses[String(status)] = {
      description: codes.map(code => `${code}: ${meaningOf(code)}`).join('; '),
      ...(codes.includes('rate-limited') ? { headers: limitHeaders } : {}),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
    }
  }
  return responses
}

/** Every code that a problem may carry, under its status. */
export function codesByStatus (): Map<number, (RefusalCode | DoorCode)[]> {
  const codes = [...Object.keys(replies), ...Object.keys(doorReplies)] as (RefusalCode | DoorCode)[]
  return Map.groupBy(codes, code => ({ ...replies, ...doorReplies })[code].status)
}

const text = { type: 'string' }
const wholeNumber = { type: 'integer', minimum: 0 }

const receiptSchema = {
  type: 'object', required: ['outcome', 'id', 'source', 'ack'],
  properties: {
    outcome: { enum: ['written', 'received'] }, id: text, source: text, ack: { enum: ['kafka', 'disk', 'none'] }, topic: text,
    partition: wholeNumber, offset: wholeNumber, journal: text
  }
}

const refusalProperties = {
  outcome: { enum: ['refused', 'unknown'] }, code: { enum: [...Object.keys(refusals), ...Object.keys(doorReplies)] },
  detail: text, pointer: text, retryable: { type: 'boolean' }, retryAfterMs: wholeNumber
}

const problemSchema = {
  type: 'object', required: ['type', 'title', 'status', 'code', 'detail', 'outcome', 'retryable', 'requestId'],
  properties: { type: text, title: text, status: { type: 'integer' }, ...refusalProperties, requestId: text }
}

const resultSchema = {
  description: 'a line without index ends a stream early and stands for everything that has no result of its own',
  oneOf: [
    { ...receiptSchema, properties: { index: wholeNumber, ...receiptSchema.properties } },
    {
      type: 'object', required: ['outcome', 'code', 'detail', 'retryable'],
      properties: { index: wholeNumber, ...refusalProperties }
    }
  ]
}
