// One HTTP request of a verb: its body whole or streamed, with an answer that is read in lines or at once.

import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Readable | undefined
  /** PEM file of the authorities to trust for https. */
  readonly caFile: string | undefined
  readonly timeoutMs: number
}

/** Answers larger than this are cut off; what a gateway answers is far below it. */
const answerBytesMax = 16 * 1024 * 1024

/** Resolves with the head of the answer. Rejects with what the network said; `sent` tells whether bytes had left. */
export function call ({ method, url, headers, body, caFile, timeoutMs }: Call): Promise<IncomingMessage> {
  const secure = url.protocol === 'https:'
  const options = { method, headers, ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }) }
  return new Promise((resolve, reject) => {
    const request = secure ? httpsRequest(url, options, resolve) : httpRequest(url, options, resolve)
    request.on('error', reject)
    request.setTimeout(timeoutMs, () => {
      request.destroy(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }))
    })
    if (body === undefined || typeof body === 'string') request.end(body)
    else {
      body.on('error', (error) => request.destroy(error))
      body.pipe(request)
    }
  })
}

export async function readAll (answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= answerBytesMax) chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export function readLines (answer: IncomingMessage): AsyncIterable<string> {
  return createInterface({ input: answer, crlfDelay: Infinity })
}
