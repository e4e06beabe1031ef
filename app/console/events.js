// Server-sent events off an answer of `fetch`, which can send a key as `EventSource` can't.

/** Cuts text into events as it comes: `push(text)` gives those that are whole by then, as [name, data]. */
export function eventCutter() {
  let rest = "";
  return {
    push(text) {
      const parts = (rest + text).split("\n\n");
      rest = parts.pop();
      return parts.map(eventOf).filter(Boolean);
    },
  };
}

function eventOf(part) {
  const fields = new Map();
  for (const line of part.split("\n")) {
    const [name, value] = line.split(/: (.*)/s);
    if (name && value !== undefined) fields.set(name, value);
  }
  return fields.has("event") && fields.has("data") ? [fields.get("event"), JSON.parse(fields.get("data"))] : null;
}

/** The events of an answer, one after the other, to its end; throws where the connection breaks. */
export async function* eventsOf(answer) {
  const cutter = eventCutter();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* cutter.push(value);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
