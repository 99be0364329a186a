// Rules over compression: where it is asked for, by which sink and driver it is done, and which codecs are there.

import type { Check, ConfigDocument } from './load.ts'
import { listAt, textAt } from './lookup.ts'
import { quote } from './mistake.ts'
import type { CheckMistake, Path } from './mistake.ts'

interface CodecPlace { readonly path: Path, readonly codec: string }

/** Every place that names a codec: the producer's, and those of routes. */
function codecPlaces (document: ConfigDocument): CodecPlace[] {
  const routes = listAt(document, 'routes').map((_, index): Path => ['routes', index, 'compression'])
  return [['kafka', 'producer', 'compression'], ...routes].flatMap((path) => {
    const codec = textAt(document, ...path)
    return codec === undefined ? [] : [{ path, codec }]
  })
}

export const compressionHasKafka: Check = (document) => {
  if (textAt(document, 'sink') !== 'journal') return []
  return codecPlaces(document).filter(({ path }) => path[0] === 'routes').map(({ path, codec }) => ({
    path, problem: `${quote(codec)}, and the sink is the journal, which does not compress`,
    expected: 'no compression here, or "sink: kafka"'
  }))
}

/** What the fallback driver can do beside what the schema lets any driver be asked for. */
export const driverKnowsTheCodec: Check = (document) => {
  if (textAt(document, 'kafka', 'driver') !== 'kafkajs') return []
  return codecPlaces(document).filter(({ codec }) => codec !== 'none' && codec !== 'gzip').map(({ path, codec }) => ({
    path, problem: `${quote(codec)}, which the driver kafkajs does not know`,
    expected: '"none" or "gzip", or "driver: native"'
  }))
}

/** A codec whose library has no binary for this platform: told at the start, not at the first batch. */
export function codecsAreInstalled (document: ConfigDocument, isInstalled: (codec: string) => boolean): CheckMistake[] {
  return codecPlaces(document).filter(({ codec }) => !isInstalled(codec)).map(({ path, codec }) => ({
    path, problem: `${quote(codec)}, which is not installed for ${process.platform} on ${process.arch}`,
    expected: '"zstd", "gzip" or "none"; or an installation with the optional packages of npm'
  }))
}
