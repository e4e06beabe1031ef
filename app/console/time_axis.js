// Where a session stands on a day's axis of hours: from when, how long, and in which of the lanes that lie beside each other.

const LEAST_MINUTES = 50; // of height, so that hour and name can be read
const MOST_LANES = 3; // beside each other, so that a name can be read
const DAY = [8, 20]; // hours of an axis that nothing is on

const minutes = (local) => Number(local.slice(11, 13)) * 60 + Number(local.slice(14, 16));
const lasts = (one) => Math.max(LEAST_MINUTES, (Date.parse(one.ends_at) - Date.parse(one.starts_at)) / 60_000);

/**
 * The axis that these sessions need, {from, to} in hours, and the place of each on it by id, {start, length, lane, lanes} in
 * minutes from its beginning. Null where more of them lie beside each other than can be read. A session whose hour can't be
 * read is at the beginning.
 */
export function axisOf(sessions) {
  const spans = sessions.map((one) => ({ one, start: minutes(one.business_starts_local) || 0, length: lasts(one) }));
  const ends = spans.map(({ start, length }) => Math.min(24 * 60, start + length));
  const from = spans.length ? Math.floor(Math.min(...spans.map((span) => span.start)) / 60) : DAY[0];
  const to = spans.length ? Math.ceil(Math.max(...ends) / 60) : DAY[1];
  const places = new Map();
  for (const members of Map.groupBy(spans, ({ one }) => one.business_date).values()) {
    for (const cluster of clusters(members)) {
      const lanes = inLanes(cluster);
      if (lanes.length > MOST_LANES) return null;
      lanes.forEach((lane, place) => {
        for (const { one, start, length } of lane) {
          const shown = Math.min(length, to * 60 - start);
          places.set(one.id, { start: start - from * 60, length: shown, lane: place, lanes: lanes.length });
        }
      });
    }
  }
  return { from, to, places };
}

/** Groups of spans that overlap each other, one after the other. */
function clusters(spans) {
  const found = [];
  let end = -1;
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    if (span.start >= end) found.push([]);
    found.at(-1).push(span);
    end = Math.max(end, span.start + span.length);
  }
  return found;
}

/** Spans of a group in as few lanes as they need. */
function inLanes(spans) {
  const lanes = [];
  for (const span of spans) {
    const free = lanes.find((lane) => lane.at(-1).start + lane.at(-1).length <= span.start);
    if (free) free.push(span);
    else lanes.push([span]);
  }
  return lanes;
}
