/** What `work` resolves to; rejects with `late` when that takes longer. The work itself goes on. */
export async function within<T>(limit_ms: number, work: PromiseLike<T>, late: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(late)), limit_ms)
  })
  try {
    return await Promise.race([work, expired])
  } finally {
    clearTimeout(timer)
  }
}
