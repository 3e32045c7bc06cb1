// npm's imapflow against a running server, in the two ways that it speaks: IMAP4rev2 with QRESYNC and COMPRESS, and IMAP4rev1
// with CONDSTORE. Each time one client works on a mailbox while another idles in it, sees what happens, leaves and comes back.
//
// Arguments: the host and the port of imaps. Ends with success, or with what failed.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";

const { ImapFlow } = createRequire(new URL("../../target/clients/node/", import.meta.url))("imapflow");
const [host, port] = process.argv.slice(2);
const EVENT_MILLISECONDS_MAX = 60_000;

const message = (number) =>
    Buffer.from(
        `From: Bob <bob@example.test>\r\nTo: alice@example.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= ${number}\r\n` +
            `Message-ID: <${number}@example.test>\r\nDate: Thu, 1 Jan 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n` +
            `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n` +
            `Content-Transfer-Encoding: quoted-printable\r\n\r\n${number}: f=C3=BCr dich\r\n--b\r\n` +
            `Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n` +
            `Content-Disposition: attachment; filename=data.bin\r\n\r\nAAECAwQFBgcICQ==\r\n--b--\r\n`,
    );

async function client(options) {
    const client = new ImapFlow({
        host, port, secure: true, tls: { rejectUnauthorized: false }, logger: false,
        auth: { user: "alice@example.test", pass: "testpass" }, clientInfo: { name: "imapflow" }, disableAutoIdle: true, ...options,
    });
    await client.connect();
    return client;
}

// What the server tells a client of its mailbox, in order; `until` waits for what is to come.
class Told {
    constructor(client) {
        this.client = client;
        this.events = [];
        for (const name of ["exists", "expunge", "flags"]) {
            client.on(name, (event) => {
                this.events.push({ name, ...event });
                client.emit("told");
            });
        }
    }
    async until(holds) {
        for (;;) {
            const found = this.events.find(holds);
            if (found) {
                return found;
            }
            await once(this.client, "told");
        }
    }
}

async function text(download) {
    const pieces = [];
    for await (const piece of download.content) {
        pieces.push(piece);
    }
    return Buffer.concat(pieces);
}

async function folders(flow) {
    assert.equal(flow.namespace.delimiter, "/");
    const made = await flow.mailboxCreate(["Büro", "Alt"]);
    assert.ok(made.created && made.mailboxId, "OBJECTID");
    const list = await flow.list({ statusQuery: { messages: true, unseen: true, size: true } });
    assert.equal(list.find((entry) => entry.path === "Büro/Alt").status.messages, 0);
    assert.equal(list.find((entry) => entry.specialUse === "\\Sent").path, "Sent");
    const tree = await flow.listTree();
    assert.ok(tree.folders.some((folder) => folder.folders?.some((below) => below.path === "Büro/Alt")));
    await flow.mailboxSubscribe("Büro/Alt");
    assert.equal((await flow.list()).find((entry) => entry.path === "Büro/Alt").subscribed, true);
    await flow.mailboxRename("Büro/Alt", "Büro/Neu");
    assert.equal((await flow.getQuota("INBOX")).storage, undefined);
    return "Büro/Neu";
}

async function read(flow, path) {
    const lock = await flow.getMailboxLock(path);
    try {
        for (const number of [1, 2, 3, 4, 5]) {
            const appended = await flow.append(path, message(number), number === 2 ? ["\\Seen"] : [], new Date("2026-01-02T03:04:05Z"));
            assert.equal(appended.uid, number);
        }
        await flow.noop();
        assert.equal(flow.mailbox.exists, 5);
        const query = { envelope: true, bodyStructure: true, flags: true, source: true, size: true, internalDate: true, threadId: true };
        const all = await flow.fetchAll("1:*", { ...query, bodyParts: ["1", "text"], headers: ["subject"] });
        assert.deepEqual(all.map((one) => one.uid), [1, 2, 3, 4, 5]);
        const second = all[1];
        assert.ok(second.source.equals(message(2)));
        assert.equal(second.size, message(2).length);
        assert.equal(second.envelope.subject, "Grüße 2");
        assert.equal(second.envelope.from[0].address, "bob@example.test");
        assert.deepEqual(second.bodyStructure.childNodes.map((part) => part.type), ["text/plain", "application/octet-stream"]);
        assert.ok(second.flags.has("\\Seen") && second.modseq > 0n && second.emailId && second.threadId);
        assert.equal(new Date(second.internalDate).toISOString(), "2026-01-02T03:04:05.000Z");
        for (const binary of [false, true]) {
            assert.equal((await text(await flow.download("3", "1", { uid: true, binary }))).toString().trim(), "3: für dich");
            assert.deepEqual([...(await text(await flow.download("3", "2", { uid: true, binary })))], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        }
        assert.ok((await text(await flow.download("3", undefined, { uid: true, chunkSize: 100 }))).equals(message(3)));
        assert.equal((await flow.downloadMany("3", ["1", "2"], { uid: true }))["2"].content.length, 10);
        const searches = [
            [{ seen: false }, [1, 3, 4, 5]],
            [{ subject: "grüße 4" }, [4]],
            [{ body: "für dich", not: { uid: "1:4" } }, [5]],
            [{ or: [{ header: { "message-id": "<1@" } }, { seen: true }], since: new Date("2026-01-01") }, [1, 2]],
            [{ modseq: second.modseq }, [2, 3, 4, 5]],
            [{ emailId: second.emailId }, [2]],
            [{ text: "nowhere" }, []],
        ];
        for (const [query, found] of searches) {
            assert.deepEqual(await flow.search(query, { uid: true }), found, JSON.stringify(query, (_, value) => String(value)));
        }
    } finally {
        lock.release();
    }
}

// One works while the other idles.
async function change(flow, other, path) {
    const told = new Told(other);
    const lock = await flow.getMailboxLock(path);
    await other.mailboxOpen(path);
    const idling = other.idle();
    await flow.append(path, message(6));
    assert.equal((await told.until((event) => event.name === "exists")).count, 6);
    await flow.messageFlagsAdd("1", ["\\Flagged", "$Label1"], { uid: true });
    assert.ok((await told.until((event) => event.name === "flags" && event.flags.has("$Label1"))).flags.has("\\Flagged"));
    const before = (await flow.fetchOne("1", { flags: true }, { uid: true })).modseq;
    await flow.messageFlagsRemove("1", ["$Label1"], { uid: true, unchangedSince: before });
    // One that has changed since is left alone.
    await flow.messageFlagsSet("1", ["\\Answered"], { uid: true, unchangedSince: before });
    assert.deepEqual([...(await flow.fetchOne("1", { flags: true }, { uid: true })).flags].filter((flag) => flag !== "\\Recent"), ["\\Flagged"]);
    await flow.setFlagColor("2", "purple", { uid: true });
    const copied = await flow.messageCopy("2", "Archive", { uid: true });
    assert.ok(copied.uidMap.get(2) > 0);
    await flow.messageMove("3:4", "Archive", { uid: true });
    await flow.messageDelete("5", { uid: true });
    const gone = (uid, seq) => (event) => event.name === "expunge" && (event.vanished ? event.uid === uid : event.seq === seq);
    for (const [uid, seq] of [[3, 3], [5, 3]]) {
        await told.until(gone(uid, seq));
    }
    await other.noop();
    await idling;
    await other.mailboxClose();
    lock.release();
}

// The other one was away, and has to learn of what has changed, and of no more.
async function comeBack(flow, other, path) {
    await other.mailboxOpen(path);
    const known = { uidValidity: other.mailbox.uidValidity, changedSince: other.mailbox.highestModseq };
    await other.mailboxClose();
    await flow.mailboxOpen(path);
    await flow.messageFlagsAdd("6", ["\\Answered"], { uid: true });
    await flow.messageDelete("1", { uid: true });
    await flow.mailboxClose();
    if (other.enabled.has("QRESYNC")) {
        const told = new Told(other);
        await other.mailboxOpen(path, known);
        const events = told.events.map((event) => [event.name, event.uid]);
        assert.deepEqual(events, [["expunge", 1], ["flags", 6]]);
    } else {
        await other.mailboxOpen(path);
    }
    const changed = await other.fetchAll("1:*", { flags: true }, { changedSince: known.changedSince });
    assert.deepEqual(changed.map((one) => one.uid), [6]);
    assert.ok(changed[0].flags.has("\\Answered"));
    assert.deepEqual(await other.search({ all: true }, { uid: true }), [2, 6]);
    await other.mailboxClose();
}

async function session(options, expected) {
    const [flow, other] = [await client(options), await client(options)];
    for (const name of expected) {
        assert.ok(flow.enabled.has(name), `${name} is not enabled: ${[...flow.enabled]}`);
    }
    const path = await folders(flow);
    await read(flow, path);
    await change(flow, other, path);
    await comeBack(flow, other, path);
    assert.equal((await flow.status("Archive", { messages: true, unseen: true })).messages, 3);
    await flow.mailboxOpen("Archive");
    await flow.messageDelete("1:*");
    assert.equal(flow.mailbox.exists, 0);
    for (const mailbox of [path, "Büro"]) {
        await flow.mailboxDelete(mailbox);
    }
    await Promise.all([flow.logout(), other.logout()]);
}

// A wait for what never comes must end, too.
setTimeout(() => assert.fail("an event is missing"), EVENT_MILLISECONDS_MAX).unref();
await session({ qresync: true }, ["IMAP4REV2", "QRESYNC"]);
await session({ disableIMAP4rev2: true, disableCompression: true }, ["CONDSTORE"]);
