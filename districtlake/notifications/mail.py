"""Mails through the district's own mail server. One connection for a whole round."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

from districtlake.notifications.failures import NeverReceived, NotReceived, WayClosed
from districtlake.settings import Settings

TIMEOUT = 20.0


class Mailer:
    """A connection that is opened when the first mail goes out. Use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: smtplib.SMTP | None = None

    def __enter__(self) -> Mailer:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def deliver(self, message: EmailMessage) -> None:
        """Hand one mail to the server.

        Raises:
            NotReceived, NeverReceived: the server refused this mail, for now or for good.
            WayClosed: there is no connection.
        """
        server = self._connected()
        try:
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            self._reset(server)
            raise _refusal(min(codes, default=450), "recipient") from None
        except smtplib.SMTPSenderRefused as error:
            self._reset(server)
            raise NotReceived(
                f"The mail server does not take mails of this sender ({error.smtp_code}).", hint="Check DISTRICTLAKE_MAIL_FROM."
            ) from None
        except smtplib.SMTPDataError as error:
            self._reset(server)
            raise _refusal(error.smtp_code, "mail") from None
        except (smtplib.SMTPServerDisconnected, OSError) as error:  # it may have been taken: it goes again under the same id
            self._close()
            raise NotReceived(f"The connection to the mail server broke ({type(error).__name__}).", hint="It is tried again.") from None
        except smtplib.SMTPException as error:
            self._close()
            raise NotReceived(f"The mail server refused ({type(error).__name__}).", hint="It is tried again.") from None

    def _connected(self) -> smtplib.SMTP:
        if self._open is not None:
            return self._open
        settings = self._settings
        try:
            context = ssl.create_default_context()
            if settings.smtp_security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT, context=context)
            else:
                server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT)
        except (OSError, smtplib.SMTPException) as error:
            raise WayClosed(
                f"The mail server {settings.smtp_host}:{settings.smtp_port} cannot be reached ({type(error).__name__}).",
                hint="Check DISTRICTLAKE_SMTP_HOST, DISTRICTLAKE_SMTP_PORT and that the server runs; what waits is sent later.",
            ) from None
        self._open = server
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user:
                server.login(settings.smtp_user, _password(settings.smtp_password_file))
        except (OSError, smtplib.SMTPException) as error:
            self._close()
            raise WayClosed(
                f"The mail server {settings.smtp_host} does not let us in ({type(error).__name__}).",
                hint="Check DISTRICTLAKE_SMTP_SECURITY, DISTRICTLAKE_SMTP_USER and the password file; what waits is sent later.",
            ) from None
        return server

    def _reset(self, server: smtplib.SMTP) -> None:
        with suppress(smtplib.SMTPException, OSError):
            server.rset()
            return
        self._close()

    def _close(self) -> None:
        if self._open is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._open.quit()
            self._open.close()
            self._open = None


def _refusal(code: int, what: str) -> NotReceived:
    if code >= 500:
        return NeverReceived(f"The mail server refused the {what} for good ({code}).", hint="Correct the agency's contact, then retry it.")
    return NotReceived(f"The mail server refused the {what} for now ({code}).", hint="It is tried again.")


def _password(file: Path | None) -> str:
    return file.read_text(encoding="utf-8").strip() if file is not None else ""
