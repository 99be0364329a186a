// Reads the text of a foreign answer up to a bound.

/** Undefined where there are more bytes than `bytesMax`, or where they are no UTF-8. Leaving early ends the source. */
export async function boundedText (parts: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let readBytes = 0
  try {
    for await (const part of parts) {
      readBytes += part.length
      if (readBytes > bytesMax) return undefined
      text += decoder.decode(part, { stream: true })
    }
    return text + decoder.decode()
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return undefined
    throw error
  }
}
