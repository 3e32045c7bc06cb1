// What Thunderbird is told to do, step by step, in its own main window: `tests/clients/thunderbird.rs` sends this text before
// each call of a step. Whatever takes a while is waited for by `until`; a step that never gets there says what was missing.

const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");

const WAIT_MILLISECONDS_MAX = 120_000;
const LOOK_AGAIN_MILLISECONDS = 25;
const ASK_AGAIN_MILLISECONDS = 1000;

// Waits until the condition gives something, and gives it.
async function until(what, condition) {
    const end = Date.now() + WAIT_MILLISECONDS_MAX;
    for (;;) {
        const found = await condition();
        if (found) {
            return found;
        }
        if (Date.now() > end) {
            throw new Error(`waited in vain: ${what}`);
        }
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MILLISECONDS));
    }
}

const pane = () => document.getElementById("tabmail").currentAbout3Pane;
const server = () => MailServices.accounts.defaultAccount.incomingServer;
const folder = (path) => path.split("/").reduce((parent, name) => parent?.getChildNamed(name), server().rootFolder);
const headers = (path) => [...(folder(path)?.msgDatabase.enumerateMessages() ?? [])];
const header = (path, subject) => headers(path).find((one) => one.mime2DecodedSubject === subject);
const subjects = (path) => headers(path).map((one) => one.mime2DecodedSubject).sort();

async function show(path) {
    await until(`${path} in the folder pane`, () => folder(path) && pane().folderPane.getRowForFolder(folder(path).URI));
    pane().displayFolder(folder(path));
    await until(`${path} shown`, () => pane().gFolder === folder(path) && pane().gDBView);
}

async function select(path, subject) {
    await show(path);
    const wanted = await until(`${subject} in ${path}`, () => header(path, subject));
    await until(`${subject} selected`, () => {
        pane().selectMessage(wanted);
        return pane().gDBView?.numSelected === 1 && pane().gDBView.hdrForFirstSelectedMessage === wanted;
    });
    return wanted;
}

// Waits until the folder holds something. Thunderbird overlooks new mail that it is told of by the way, so it is asked to look.
async function arrived(path, what, condition) {
    await show(path);
    let asked = Date.now();
    await until(`${what} in ${path}, there are ${subjects(path)}`, () => {
        if (Date.now() > asked + ASK_AGAIN_MILLISECONDS) {
            folder(path).updateFolder(window.msgWindow);
            asked = Date.now();
        }
        return condition();
    });
}

// A compose window with the fields filled in.
async function compose(fields) {
    const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
    parameters.composeFields = Object.assign(Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields), fields);
    parameters.type = Ci.nsIMsgCompType.New;
    parameters.format = Ci.nsIMsgCompFormat.PlainText;
    MailServices.compose.OpenComposeWindowWithParams(null, parameters);
    return composing();
}

const composing = () =>
    until("a compose window", () => {
        const opened = Services.wm.getMostRecentWindow("msgcompose");
        return opened?.gMsgCompose?.editor && opened.gLoadingComplete !== false && opened;
    });

const closed = (opened) => until("the compose window closed", () => opened.closed);

const steps = {
    // The account, as Thunderbird's own set-up makes it once it has tried the login.
    async account(host, address, imaps, submissions) {
        const module = (name) => ChromeUtils.importESModule(`resource:///modules/accountcreation/${name}.sys.mjs`)[name];
        const config = new (module("AccountConfig"))();
        const login = { hostname: host, username: address, password: "testpass", socketType: Ci.nsMsgSocketType.SSL };
        const auth = Ci.nsMsgAuthMethod.passwordCleartext;
        Object.assign(config, { identity: { realname: "Bob", emailAddress: address }, displayName: "Bob", rememberPassword: true });
        Object.assign(config.incoming, login, { type: "imap", port: imaps, auth, loginAtStartup: true });
        Object.assign(config.outgoing, login, { type: "smtp", port: submissions, auth, addThisServer: true });
        const verified = await new (module("ConfigVerifier"))(window.msgWindow, new AbortController().signal).verifyConfig(config, false);
        await module("CreateInBackend").createAccountInBackend(verified);
        await show("INBOX");
        for (const path of ["INBOX", "Sent", "Drafts", "Trash"]) {
            await until(`folder ${path}`, () => folder(path));
        }
    },

    // What is in a folder, once it holds so many messages.
    async list(path, count) {
        await arrived(path, `${count} messages`, () => headers(path).length === count);
        return subjects(path);
    },

    // Waits for what comes by itself.
    async told(path, subject) {
        await show(path);
        await until(`${subject} in ${path}`, () => header(path, subject));
    },

    // The text of a message as it is shown, and the names of its attachments.
    async read(path, subject) {
        await select(path, subject);
        const shown = () => pane().messageBrowser.contentWindow;
        const text = () => shown().getMessagePaneBrowser?.().contentDocument?.body?.textContent;
        await until(`${subject} shown`, () => shown().gMessage?.mime2DecodedSubject === subject && text()?.trim());
        await until(`${subject} read`, () => header(path, subject).isRead);
        return { text: text(), attachments: shown().currentAttachments.map((attachment) => attachment.name) };
    },

    // The star, and the first tag.
    async mark(path, subject) {
        const marked = await select(path, subject);
        pane().commandController.doCommand("cmd_markAsFlagged");
        pane().commandController.doCommand("cmd_tag1");
        const labelled = () => marked.getStringProperty("keywords").includes("$label1");
        await until(`${subject} marked and read`, () => marked.isFlagged && labelled() && marked.isRead);
    },

    // Waits for what was marked elsewhere.
    async marked(path, subject) {
        await show(path);
        await until(`${subject} marked elsewhere`, () => header(path, subject)?.isFlagged);
    },

    async send(to, subject, body) {
        const opened = await compose({ to, subject, body });
        opened.goDoCommand("cmd_sendNow");
        await closed(opened);
    },

    async reply(path, subject) {
        const answered = await select(path, subject);
        pane().commandController.doCommand("cmd_reply");
        const opened = await composing();
        opened.goDoCommand("cmd_sendNow");
        await closed(opened);
        await until(`${subject} answered`, () => answered.flags & Ci.nsMsgMessageFlags.Replied);
    },

    // A draft that is saved twice: the second takes the first one's place.
    async draft(subject) {
        const opened = await compose({ to: "alice@example.test", subject, body: "once" });
        for (const uid of [1, 2]) {
            opened.goDoCommand("cmd_saveAsDraft");
            await arrived("Drafts", `draft ${uid} alone`, () => `${headers("Drafts").map((one) => one.messageKey)}` === `${uid}`);
            await until(`draft ${uid} saved`, () => !opened.gSendOperationInProgress && !opened.gSaveOperationInProgress);
        }
        opened.close();
    },

    async move(from, subject, to) {
        await select(from, subject);
        pane().commandController.doCommand("cmd_moveMessage", folder(to));
        await until(`${subject} gone from ${from}`, () => !header(from, subject));
        await arrived(to, subject, () => header(to, subject));
    },

    async copy(from, subject, to) {
        await select(from, subject);
        pane().commandController.doCommand("cmd_copyMessage", folder(to));
        await arrived(to, subject, () => header(to, subject));
    },

    async archive(path, subject, to) {
        await select(path, subject);
        pane().commandController.doCommand("cmd_archive");
        await arrived(to, subject, () => header(to, subject));
    },

    async delete(path, subject) {
        await select(path, subject);
        pane().commandController.doCommand("cmd_deleteMessage");
        await until(`${subject} gone from ${path}`, () => !header(path, subject));
        await arrived("Trash", subject, () => header("Trash", subject));
    },

    async emptyTrash() {
        await new Promise((resolve) => folder("Trash").emptyTrash({ OnStartRunningUrl() {}, OnStopRunningUrl: resolve }));
        await until("Trash empty", () => !headers("Trash").length);
    },

    async makeFolder(parent, name) {
        (parent ? folder(parent) : server().rootFolder).createSubfolder(name, window.msgWindow);
        const path = parent ? `${parent}/${name}` : name;
        await until(`folder ${path}`, () => folder(path));
        await show(path);
    },

    async renameFolder(path, name) {
        folder(path).rename(name, window.msgWindow);
        await until(`folder ${name}`, () => folder([...path.split("/").slice(0, -1), name].join("/")) && !folder(path));
    },

    // As when it is dragged there: without the question whether it is meant.
    async moveFolder(path, to) {
        const name = path.split("/").at(-1);
        MailServices.copy.copyFolder(folder(path), folder(to), true, null, window.msgWindow);
        await until(`folder ${path} gone`, () => !folder(path) && folder(`${to}/${name}`));
    },

    // What the server finds: the subjects of what holds the text in its subject or its body.
    async search(path, where, text) {
        await show(path);
        const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
        session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folder(path));
        const term = session.createTerm();
        const value = term.value;
        term.attrib = value.attrib = Ci.nsMsgSearchAttrib[where];
        term.op = Ci.nsMsgSearchOp.Contains;
        value.str = text;
        term.value = value;
        session.appendTerm(term);
        const found = [];
        await new Promise((resolve) => {
            session.registerListener({ onSearchHit: (hit) => found.push(hit.mime2DecodedSubject), onSearchDone: resolve, onNewSearch() {} });
            session.search(null);
        });
        return found.sort();
    },
};
