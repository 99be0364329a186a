// The OpenAPI 3.1 document of the admin listener, made from the table by which it serves.

import type { Operation } from './operations.ts'
import { problems } from './problem.ts'
import type { ProblemCode } from './problem.ts'

type Json = Readonly<Record<string, unknown>>

/** What any request may be refused with. */
const always: readonly ProblemCode[] = [
  'malformed', 'unauthenticated', 'unknown-path', 'method-not-allowed', 'request-timeout', 'misdirected', 'too-many-tries',
  'headers-too-large', 'internal'
]
const withBody: readonly ProblemCode[] = ['too-large', 'unsupported-media-type', 'invalid-body']

/** The operation that serves the document itself; it is part of it. */
export function describing (operations: readonly Operation[], version: string): Operation {
  const own: Operation = {
    method: 'GET', path: '/openapi.json', operationId: 'openapi', summary: 'This document',
    answer: { type: 'object' }, problems: [], run: () => document
  }
  const document = documentOf([...operations, own], version)
  return own
}

function documentOf (operations: readonly Operation[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const operation of operations) {
    const item = paths[operation.path] ??= {}
    item[operation.method.toLowerCase()] = described(operation)
  }
  return {
    openapi: '3.1.0', info: { title: 'Sluice admin', version }, security: [{ token: [] }], paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } }, schemas: { Problem: problemSchema }
    }
  }
}

function described ({ path, operationId, summary, request, answer, problems: own }: Operation): Json {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) =>
    ({ name, in: 'path', required: true, description: 'percent-encoded once', schema: { type: 'string' } }))
  const codes = [...always, ...(request === undefined ? [] : withBody), ...own]
  const refused = Map.groupBy(codes, code => problems[code].status)
  return {
    operationId, summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(request === undefined ? {} : { requestBody: { required: true, ...content(request) } }),
    responses: {
      200: { description: summary, ...content(answer) },
      ...Object.fromEntries([...refused].map(([status, some]) => [status, {
        description: some.map(code => `${code}: ${problems[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
      }]))
    }
  }
}

function content (schema: object): Json {
  return { content: { 'application/json': { schema } } }
}

const problemSchema = {
  type: 'object', required: ['type', 'title', 'status', 'code', 'detail'],
  properties: {
    type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' },
    code: { enum: Object.keys(problems) }, detail: { type: 'string' }
  }
}
