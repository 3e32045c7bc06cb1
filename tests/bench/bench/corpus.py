"""The messages in the mailboxes: always the same for the same seed and number.

Sizes follow what mailboxes hold: most messages are a few kilobytes of text, one in five has an HTML part, one in ten an
attachment, and a few are large. Lines are CRLF, headers are those of mail that has travelled (about 1.5 KiB).
"""

import base64
import dataclasses
import random

SEED = 20
NEEDLE = "quixotically"  # in the body of one message in a thousand, and nowhere else
NEEDLE_EVERY = 1000
THREAD_REACH = 200  # an answer comes at most so many messages after what it answers
ATTACHMENT_OCTETS_MAX = 1_000_000
HTML_SHARE = 0.2
ATTACHMENT_SHARE = 0.1
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SYLLABLES = ("ar", "be", "con", "da", "el", "fo", "ga", "hi", "in", "jo", "ka", "lo", "me", "no", "or", "pa", "re", "si", "ta", "un")


@dataclasses.dataclass(frozen=True)
class Shape:
    """How large messages are."""

    text_octets_median: int
    text_octets_max: int
    attachment_octets_median: int


USUAL = Shape(text_octets_median=2500, text_octets_max=200_000, attachment_octets_median=30_000)
# A million of them, kept by two servers, must find room on a disk: 3 KiB in the mean, all else being as it is in mail.
SMALL = Shape(text_octets_median=500, text_octets_max=50_000, attachment_octets_median=3_000)


_first = []  # what `first_messages` has made


def first_messages(count):
    """The first `count` messages of the usual shape; made once."""
    if len(_first) < count:
        corpus = Corpus()
        _first.extend(corpus.message(number) for number in range(len(_first), count))
    return _first[:count]


class Corpus:
    """Makes message after message; message n is the same whichever were made before."""

    def __init__(self, seed=SEED, shape=USUAL):
        self.seed, self.shape = seed, shape
        dice = random.Random(seed)
        words = ["".join(dice.choices(SYLLABLES, k=dice.randint(1, 4))) for _ in range(3000)]
        self.words = words
        # Paragraphs are made once and chosen from: to make 20,000 messages word by word would take minutes.
        self.lines = [" ".join(dice.choices(words, k=10))[:76] for _ in range(5000)]
        self.binary = base64.encodebytes(dice.randbytes(ATTACHMENT_OCTETS_MAX)).replace(b"\n", b"\r\n")
        self.people = [f"{dice.choice(words)}.{dice.choice(words)}@{dice.choice(words)}.test" for _ in range(500)]

    def message(self, number):
        """The message of this number, from 0."""
        dice = random.Random(f"{self.seed}/{number}")
        text = self._text(dice)
        if number % NEEDLE_EVERY == NEEDLE_EVERY // 2:
            text.insert(len(text) // 2, f"and {NEEDLE} so")
        header, boundary = self._header(dice, number), f"=_{number:08x}_next"
        kind = dice.random()
        if kind < ATTACHMENT_SHARE:
            body = self._mixed(dice, boundary, text)
            header.append(f'Content-Type: multipart/mixed; boundary="{boundary}"')
        elif kind < ATTACHMENT_SHARE + HTML_SHARE:
            body = self._alternative(boundary, text)
            header.append(f'Content-Type: multipart/alternative; boundary="{boundary}"')
        else:
            body = _lines(text)
            header.append("Content-Type: text/plain; charset=utf-8")
        return _lines(header) + b"\r\n" + body

    def messages(self, count):
        """The first `count` messages."""
        return (self.message(number) for number in range(count))

    def _header(self, dice, number):
        sender, receiver = dice.choice(self.people), dice.choice(self.people)
        day, month, clock = dice.randint(1, 28), dice.choice(MONTHS), f"{dice.randrange(24):02}:{dice.randrange(60):02}:07"
        date = f"{dice.choice(DAYS)}, {day} {month} 2025 {clock} +0000"
        hosts = [dice.choice(self.words) for _ in range(3)]
        header = []
        for host in hosts:
            header += [
                f"Received: from {host}.test ({host}.test [192.0.2.{dice.randrange(256)}])",
                f"\tby mx.{host}.test (Postfix) with ESMTPS id {dice.randrange(1 << 40):X}",
                f"\tfor <{receiver}>; {date}",
            ]
        header += [
            f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={hosts[0]}.test; s=mail;",
            "\th=from:to:subject:date:message-id;",
            f"\tbh={base64.b64encode(dice.randbytes(32)).decode()};",
            f"\tb={base64.b64encode(dice.randbytes(54)).decode()}",
            f"\t {base64.b64encode(dice.randbytes(54)).decode()}",
            f"From: {' '.join(dice.sample(self.words, 2)).title()} <{sender}>",
            f"To: {receiver}",
        ]
        if dice.random() < 0.3:
            header.append("Cc: " + ",\r\n\t".join(dice.sample(self.people, dice.randint(1, 6))))
        if dice.random() < 0.4:
            parents = sorted(max(0, number - dice.randint(1, THREAD_REACH)) for _ in range(dice.randint(1, 3)))
            header.append(f"In-Reply-To: {self._id(parents[-1])}")
            header.append("References: " + "\r\n\t".join(map(self._id, parents)))
        subject = " ".join(dice.sample(self.words, dice.randint(2, 7)))
        if dice.random() < 0.15:
            subject = f"=?utf-8?B?{base64.b64encode((subject + ' für').encode()).decode()}?="
        header += [f"Subject: {subject}", f"Date: {date}", f"Message-ID: {self._id(number)}", "MIME-Version: 1.0"]
        return header

    def _id(self, number):
        return f"<{number}@{self.words[number % len(self.words)]}.test>"

    def _text(self, dice):
        octets = min(dice.lognormvariate(0, 1.1) * self.shape.text_octets_median, self.shape.text_octets_max)
        return dice.choices(self.lines, k=max(1, int(octets / 60)))

    def _alternative(self, boundary, text):
        html = ["<html><body>", *(f"<p>{line}</p>" for line in text), "</body></html>"]
        return b"".join([
            _lines([f"--{boundary}", "Content-Type: text/plain; charset=utf-8", ""]), _lines(text),
            _lines([f"--{boundary}", "Content-Type: text/html; charset=utf-8", ""]), _lines(html),
            _lines([f"--{boundary}--"]),
        ])

    def _mixed(self, dice, boundary, text):
        octets = int(min(dice.lognormvariate(0, 1.2) * self.shape.attachment_octets_median, ATTACHMENT_OCTETS_MAX))
        lines = max(1, octets // 78)
        start = dice.randrange(max(1, len(self.binary) // 78 - lines)) * 78
        return b"".join([
            _lines([f"--{boundary}", "Content-Type: text/plain; charset=utf-8", ""]), _lines(text),
            _lines([f"--{boundary}", 'Content-Type: application/pdf; name="paper.pdf"', "Content-Transfer-Encoding: base64",
                    'Content-Disposition: attachment; filename="paper.pdf"', ""]),
            self.binary[start : start + lines * 78],
            _lines([f"--{boundary}--"]),
        ])


def _lines(lines):
    return "".join(line + "\r\n" for line in lines).encode()
