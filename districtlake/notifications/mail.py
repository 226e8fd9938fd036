"""Mails through the district's own mail server. One connection for a whole round."""

from __future__ import annotations

import ipaddress
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
        place = f"{settings.smtp_host}:{settings.smtp_port}"
        _no_password_in_the_clear(settings)
        password = _password(settings.smtp_password_file) if settings.smtp_user else ""
        context = _trust(settings.smtp_ca_file)
        try:
            if settings.smtp_security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT, context=context)
            else:
                server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT)
        except ssl.SSLError as error:
            raise _no_tls(place, error) from None
        except (OSError, smtplib.SMTPException) as error:
            raise WayClosed(
                f"The mail server {place} cannot be reached ({type(error).__name__}).",
                hint="Check DISTRICTLAKE_SMTP_HOST, DISTRICTLAKE_SMTP_PORT and that the server runs; what waits is sent later.",
            ) from None
        self._open = server
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
        except ssl.SSLError as error:
            self._drop()
            raise _no_tls(place, error) from None
        except smtplib.SMTPNotSupportedError:
            self._close()
            raise WayClosed(
                f"The mail server {place} offers no STARTTLS.",
                hint="Set DISTRICTLAKE_SMTP_SECURITY=tls and the port of implicit TLS (often 465); what waits is sent later.",
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            self._close()
            raise WayClosed(f"STARTTLS with {place} failed ({type(error).__name__}).", hint="Check DISTRICTLAKE_SMTP_SECURITY.") from None
        try:
            if settings.smtp_user:
                server.login(settings.smtp_user, password)
        except (OSError, smtplib.SMTPException) as error:
            self._close()
            raise WayClosed(
                f"The mail server {place} does not let {settings.smtp_user} in ({type(error).__name__}).",
                hint="Check DISTRICTLAKE_SMTP_USER and DISTRICTLAKE_SMTP_PASSWORD_FILE; what waits is sent later.",
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
            self._drop()

    def _drop(self) -> None:
        """Without a word of goodbye: after a broken TLS handshake nothing can be said any more."""
        if self._open is not None:
            self._open.close()
            self._open = None


def _refusal(code: int, what: str) -> NotReceived:
    if code >= 500:
        return NeverReceived(f"The mail server refused the {what} for good ({code}).", hint="Correct the agency's contact, then retry it.")
    return NotReceived(f"The mail server refused the {what} for now ({code}).", hint="It is tried again.")


def _no_tls(place: str, error: ssl.SSLError) -> WayClosed:
    if isinstance(error, ssl.SSLCertVerificationError):
        return WayClosed(
            f"The certificate of the mail server {place} is not accepted: {error.verify_message}.",
            hint="DISTRICTLAKE_SMTP_HOST must be the name in the certificate; of a CA of your own, give DISTRICTLAKE_SMTP_CA_FILE.",
        )
    return WayClosed(
        f"The mail server {place} and we found no common TLS ({error.reason or type(error).__name__}).",
        hint="Check that DISTRICTLAKE_SMTP_SECURITY (starttls, tls) fits DISTRICTLAKE_SMTP_PORT; what waits is sent later.",
    )


def _trust(file: Path | None) -> ssl.SSLContext:
    """The system's authorities, or only those of the file."""
    try:
        return ssl.create_default_context(cafile=str(file) if file is not None else None)
    except (OSError, ssl.SSLError) as error:
        raise WayClosed(
            f"DISTRICTLAKE_SMTP_CA_FILE {file} cannot be used ({type(error).__name__}).",
            hint="Give certificates of authorities in PEM form.",
        ) from None


def _no_password_in_the_clear(settings: Settings) -> None:
    if settings.smtp_user and settings.smtp_security == "none" and not _this_machine(settings.smtp_host):
        raise WayClosed(
            f"DISTRICTLAKE_SMTP_SECURITY=none would send the password of {settings.smtp_user} readably to {settings.smtp_host}.",
            hint="Set starttls or tls, or leave DISTRICTLAKE_SMTP_USER out.",
        )


def _this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _password(file: Path | None) -> str:
    try:
        return file.read_text(encoding="utf-8").strip() if file is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        raise WayClosed(
            f"DISTRICTLAKE_SMTP_PASSWORD_FILE {file} cannot be read ({type(error).__name__}).", hint="Check the path and its permissions."
        ) from None
