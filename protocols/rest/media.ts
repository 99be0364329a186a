// Which of the door's formats a Content-Type announces. Anything that it does not know is one event of that type.

import { mediaType } from '../../src/contract/media-type.ts'

/**
 * `single`: the body is the data of one event. `structured`, `batch`: CloudEvents JSON. `items`: a JSON array of data.
 * `lines`: a stream of data, one line each. `foreign`: a CloudEvents format not spoken here. `broken`: no media type.
 */
export type Format = 'single' | 'structured' | 'batch' | 'items' | 'lines' | 'foreign' | 'broken'

/** What a 415 puts into `Accept`. */
export const acceptedTypes = '*/*, application/cloudevents+json, application/cloudevents-batch+json, ' +
  'application/vnd.sluice.batch+json, application/x-ndjson'

/** The types that are not simply one event. */
export const formats: ReadonlyMap<string, Format> = new Map([
  ['application/cloudevents+json', 'structured'],
  ['application/cloudevents-batch+json', 'batch'],
  ['application/vnd.sluice.batch+json', 'items'],
  ['application/x-ndjson', 'lines'],
  ['application/ndjson', 'lines'],
  ['application/jsonl', 'lines']
])

const essencePattern = /^[a-z0-9!#$%&'*+.^_`|~-]+\/[a-z0-9!#$%&'*+.^_`|~-]+$/
const rememberedCountMax = 256
const remembered = new Map<string, Format>()

/** Answers from memory for the types that keep coming; the memory holds at most 256 short ones. */
export function formatOf (contentType: string | undefined): Format {
  if (contentType === undefined || contentType === 'application/json') return 'single'
  const known = remembered.get(contentType)
  if (known !== undefined) return known
  const format = findFormat(mediaType(contentType))
  if (contentType.length <= 128) {
    if (remembered.size >= rememberedCountMax) remembered.clear()
    remembered.set(contentType, format)
  }
  return format
}

function findFormat (essence: string): Format {
  if (!essencePattern.test(essence)) return 'broken'
  const format = formats.get(essence)
  if (format !== undefined) return format
  return essence.startsWith('application/cloudevents') ? 'foreign' : 'single'
}
